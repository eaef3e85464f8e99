/*
 * Tests of what responses of the CA are taken to say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ca-client/enrol.h"
#include "ca-client/reply.h"
#include "common/err.h"
#include "common/http1.h"

#define TYPE "application/est-attestation-freshness+json"
#define NONCE "AQcBoMRQbAAAAQABAgMEBQYHCAkKCwwNIc3FeeFgYDvfYHIAXn9yf33XnnaUeZSg"
#define NONCE_BODY "{\"nonce\":\"" NONCE "\",\"expiry\":120}"
#define COOKIE "Set-Cookie: __Host-estn=" NONCE "; Secure; Path=/\r\n"
#define ID "2017494a-7474-427c-911e-70e7cf5c8a2a"
#define DATE_MS INT64_C(784111777000) /* of RFC 9110's example */

/* A response with these fields (whole lines) and this body; the caller frees it. */
static struct http1 *response_of(unsigned status, const char *fields, const char *body)
{
    const struct http1_limits limits = {.head_max = 4096, .body_max = 4096};
    struct http1 *http = http1_new(true, &limits);
    char text[4096];
    int len = snprintf(text, sizeof(text), "HTTP/1.1 %u X\r\n%sContent-Length: %zu\r\n\r\n%s",
                       status, fields, strlen(body), body);
    struct bytes in = {.data = (const uint8_t *)text, .len = (size_t)len};

    assert_non_null(http);
    assert_int_equal(http1_feed(http, &in), HTTP1_DONE);
    return http;
}

static void a_refusal_is_read_from_line_and_status(void **state)
{
    static const struct {
        unsigned status;
        const char *fields;
        const char *body;
        enum verdict_code code;
        const char *id;
        unsigned retry_after_s;
    } cases[] = {
        {403, "", "code=tcb-not-allowed id=" ID "\n", VERDICT_TCB_NOT_ALLOWED, ID, 0},
        {409, "", "code=nonce-replayed id=" ID, VERDICT_NONCE_REPLAYED, ID, 0},
        {503, "Retry-After: 5\r\n", "code=unavailable id=" ID "\r\n", VERDICT_UNAVAILABLE, ID, 5},
        {429, "Retry-After: 30\r\n", "", VERDICT_RATE_LIMITED, "", 30},
        {503, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "", VERDICT_UNAVAILABLE, "", 0},
        {503, "Retry-After: 99999999999999999999\r\n", "", VERDICT_UNAVAILABLE, "", 0},
        {503, "Retry-After: -1\r\n", "", VERDICT_UNAVAILABLE, "", 0},
        {400, "", "", VERDICT_REQUEST_INVALID, "", 0},
        {404, "", "<html>nothing here</html>", VERDICT_REQUEST_INVALID, "", 0},
        {500, "", "code=what-is-this id=" ID, VERDICT_UNAVAILABLE, ID, 0},
        {403, "", "code=accepted id=" ID, VERDICT_UNAVAILABLE, ID, 0},
        {403, "", "code=revoked id=a\x1b[2Jb", VERDICT_REVOKED, "", 0},
        {403, "", "xcode=revoked id=", VERDICT_UNAVAILABLE, "", 0},
        {403, "", "code=revoked id=" ID ID ID, VERDICT_REVOKED, "", 0},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http1 *http = response_of(cases[i].status, cases[i].fields, cases[i].body);
        struct enrol_failure failure = {0};
        struct err err = {0};

        assert_int_equal(reply_check(http, TYPE, &failure, &err), -1);
        assert_int_equal(err.code, ERR_DENIED);
        assert_int_equal(failure.code, cases[i].code);
        assert_string_equal(failure.id, cases[i].id);
        assert_int_equal(failure.retry_after_s, cases[i].retry_after_s);
        http1_free(http);
    }
}

static void an_answer_must_have_its_media_type(void **state)
{
    static const struct {
        const char *fields;
        int rc;
    } cases[] = {
        {"Content-Type: " TYPE "\r\n", 0},
        {"Content-Type: " TYPE "; charset=utf-8\r\n", 0},
        {"content-type: Application/EST-Attestation-Freshness+JSON\r\n", 0},
        {"Content-Type: " TYPE "x\r\n", -1},
        {"Content-Type: text/html\r\n", -1},
        {"", -1},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http1 *http = response_of(200, cases[i].fields, "");
        struct enrol_failure failure = {0};
        struct err err = {0};

        assert_int_equal(reply_check(http, TYPE, &failure, &err), cases[i].rc);
        assert_int_equal(failure.code, VERDICT_ACCEPTED);
        http1_free(http);
    }
}

static void a_nonce_comes_with_its_cookie(void **state)
{
    struct http1 *http = response_of(200, "Set-Cookie: a=b\r\n" COOKIE, NONCE_BODY);
    struct reply_nonce nonce;
    struct err err;

    assert_int_equal(reply_nonce(http, &nonce, &err), 0);
    assert_int_equal(nonce.len, 48);
    assert_int_equal(nonce.data[0], 1);
    assert_int_equal(nonce.data[47], 0xa0);
    assert_string_equal(nonce.cookie, "__Host-estn=" NONCE);
    http1_free(http);
}

static void a_bad_nonce_is_refused(void **state)
{
    static const struct {
        const char *fields;
        const char *body;
    } cases[] = {
        {"", NONCE_BODY},
        {COOKIE COOKIE, NONCE_BODY},
        {"Set-Cookie: __Host-estn=; Secure\r\n", NONCE_BODY},
        {"Set-Cookie: x__Host-estn=" NONCE "\r\n", NONCE_BODY},
        {COOKIE, ""},
        {COOKIE, "[]"},
        {COOKIE, "{\"nonce\":1}"},
        {COOKIE, "{\"nonce\":\"" NONCE "\",\"nonce\":\"" NONCE "\"}"},
        {COOKIE, "{\"nonce\":\"" NONCE "=\"}"},
        {COOKIE, "{\"nonce\":\"AQcBoMRQ\"}"},
        {COOKIE, "{\"nonce\":\"" NONCE NONCE "\"}"},
        {COOKIE, NONCE_BODY "x"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http1 *http = response_of(200, cases[i].fields, cases[i].body);
        struct reply_nonce nonce = {.len = 77};
        struct err err = {0};

        assert_int_equal(reply_nonce(http, &nonce, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(nonce.len, 77);
        http1_free(http);
    }
}

static void the_clock_offset_is_the_least_that_fits(void **state)
{
    static const char right[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    static const struct {
        const char *fields;
        int64_t sent_ms;
        int64_t received_ms;
        int64_t offset_ms;
    } cases[] = {
        {right, DATE_MS, DATE_MS + 10, 0},
        {right, DATE_MS + 900, DATE_MS + 1100, 0},
        {right, DATE_MS - 100, DATE_MS + 5, 0},
        {right, DATE_MS - 60020, DATE_MS - 60000, 60000},
        {right, DATE_MS + 60999, DATE_MS + 61020, -60000},
        {"", DATE_MS + 60000, DATE_MS + 60000, 0},
        {"Date: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 0, 0, 0},
        {"Date: Sun, 06 Nov 1994 08:49:37 GMTx\r\n", 0, 0, 0},
        {"Date: soon\r\n", 0, 0, 0},
        {"Date: Sun, 06 Nov 1994 08:49:37 GMT and a tail that is far too long\r\n", 0, 0, 0},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http1 *http = response_of(200, cases[i].fields, "");

        assert_int_equal(reply_clock_offset_ms(http, cases[i].sent_ms, cases[i].received_ms),
                         cases[i].offset_ms);
        http1_free(http);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_read_from_line_and_status),
        cmocka_unit_test(an_answer_must_have_its_media_type),
        cmocka_unit_test(a_nonce_comes_with_its_cookie),
        cmocka_unit_test(a_bad_nonce_is_refused),
        cmocka_unit_test(the_clock_offset_is_the_least_that_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
