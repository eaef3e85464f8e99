/*
 * Http1_scan: the known ways to make parsers disagree, each against the scanner alone and against
 * llhttp alone, so that it is known which guard holds what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <llhttp.h>

#include "common/http1_scan.h"

#define TEXT(s) s, sizeof(s) - 1
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n"

#define SCANNER 1U
#define STRICT 2U /* llhttp in strict mode, or 9 and later */

/* clang-format off */
static const struct {
    const char *what;
    const char *text;
    size_t len;
    unsigned guards; /* who refuses it when alone */
} vectors[] = {
    {"CVE-2021-22959: space before the colon", TEXT(POST "Content-Length : 5\r\n" END), SCANNER | STRICT},
    {"CVE-2022-32213: list in Transfer-Encoding", TEXT(POST "Transfer-Encoding: chunked, identity\r\n" END), STRICT},
    {"CVE-2022-32214: field ended by CR", TEXT(POST "X: y\rTransfer-Encoding: chunked\r\n" END), SCANNER | STRICT},
    {"CVE-2022-32215: folded Transfer-Encoding", TEXT(POST "Transfer-Encoding: chunked\r\n , identity\r\n" END), SCANNER | STRICT},
    {"CVE-2022-35256: field not ended by CRLF", TEXT(GET "X: y\rZ: w\r\n" END), SCANNER | STRICT},
    {"CVE-2023-30589: CR for a value", TEXT(GET "X:\rTransfer-Encoding: chunked\r\n" END), SCANNER | STRICT},
    {"CVE-2025-23167: CRLF CR for the empty line", TEXT(GET "X: y\r\n\rZ: w\r\n" END), SCANNER | STRICT},
    {"CVE-2024-27982: folded line before Content-Length", TEXT(POST "X: y\r\n Content-Length: 5\r\n" END), SCANNER},
    {"folded value of a plain field", TEXT(GET "X: y\r\n z\r\n" END), SCANNER},
    {"LF alone after a field", TEXT(GET "X: y\n" END), SCANNER | STRICT},
    {"NUL in a value", TEXT(GET "X: a\0b\r\n" END), SCANNER | STRICT},
    {"empty name", TEXT(GET ": y\r\n" END), SCANNER},
    {"two leading CRLF", TEXT("\r\n\r\n" GET END), SCANNER},
};
/* clang-format on */

static const struct http1_scan_limits limits = {
    .start_line_max = 8192, .len_max = 8192, .fields_max = 100};

static void the_scanner_alone_refuses_what_is_its_part(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct http1_scan scan;
        size_t used = 0;
        enum http1_scan_status status = HTTP1_SCAN_MORE;

        print_message("  %s\n", vectors[i].what);
        http1_scan_init(&scan, &limits);
        status = http1_scan_feed(
            &scan, (struct bytes){.data = (const uint8_t *)vectors[i].text, .len = vectors[i].len},
            &used);
        if ((vectors[i].guards & SCANNER) != 0) {
            assert_int_equal(status, HTTP1_SCAN_REFUSED);
            assert_int_equal(scan.status, 400);
            assert_non_null(scan.reason);
        } else {
            assert_int_equal(status, HTTP1_SCAN_END);
            assert_int_equal(used, vectors[i].len);
        }
    }
}

static void llhttp_alone_refuses_what_is_its_part(void **state)
{
    static const llhttp_settings_t nothing;

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        llhttp_t parser;

        print_message("  %s\n", vectors[i].what);
        llhttp_init(&parser, HTTP_REQUEST, &nothing);
        if ((vectors[i].guards & STRICT) != 0) {
            assert_int_not_equal(llhttp_execute(&parser, vectors[i].text, vectors[i].len), HPE_OK);
        } else if (LLHTTP_VERSION_MAJOR < 9) {
            /* What newer ones do with the rest is their matter; it never gets so far. */
            assert_int_equal(llhttp_execute(&parser, vectors[i].text, vectors[i].len), HPE_OK);
        }
    }
}

static void a_head_and_a_trailer_end_where_they_end(void **state)
{
    static const char text[] = "X: y\r\nZ:\r\n\r\nrest";
    const struct http1_scan_limits trailer = {.len_max = 64, .fields_max = 2};
    struct http1_scan scan;
    size_t used = 0;

    http1_scan_init(&scan, &trailer);
    assert_int_equal(
        http1_scan_feed(
            &scan, (struct bytes){.data = (const uint8_t *)text, .len = sizeof(text) - 1}, &used),
        HTTP1_SCAN_END);
    assert_int_equal(used, sizeof(text) - 1 - 4);
    assert_int_equal(scan.num_fields, 2);
}

static void every_byte_that_is_no_token_is_refused_in_a_name(void **state)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (unsigned c = 0; c < 256; c++) {
        const struct http1_scan_limits trailer = {.len_max = 64, .fields_max = 2};
        const uint8_t text[] = {'X', (uint8_t)c, ':', '\r', '\n', '\r', '\n'};
        bool is_token = false;
        struct http1_scan scan;
        size_t used = 0;

        for (size_t i = 0; i < sizeof(token) - 1; i++) {
            is_token = is_token || (unsigned char)token[i] == c;
        }
        assert_int_equal(http1_is_token((unsigned char)c), is_token);
        http1_scan_init(&scan, &trailer);
        assert_int_equal(
            http1_scan_feed(&scan, (struct bytes){.data = text, .len = sizeof(text)}, &used),
            is_token || c == ':' ? HTTP1_SCAN_END : HTTP1_SCAN_REFUSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scanner_alone_refuses_what_is_its_part),
        cmocka_unit_test(llhttp_alone_refuses_what_is_its_part),
        cmocka_unit_test(a_head_and_a_trailer_end_where_they_end),
        cmocka_unit_test(every_byte_that_is_no_token_is_refused_in_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
