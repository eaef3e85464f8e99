/*
 * Kds_reply: which answers hold what was asked for, and how long to stay away after the others.
 */
#include "ca/kds_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/specimen.h"

#define NOW 1790000000 /* Mon, 21 Sep 2026 14:13:20 GMT */
#define TEXT(text) ((struct bytes){(const uint8_t *)(text), strlen(text)})

struct material {
    struct specimen *specimen;
    uint8_t chain[2 * SPECIMEN_DER_CAP]; /* PEM */
    size_t chain_len;
    uint8_t out_storage[VENDOR_DATA_MAX];
    struct buf out;
};

static void append_pem(struct material *m, const struct specimen_cert *cert)
{
    struct specimen_cert text = *cert;

    specimen_to_pem(&text);
    memcpy(m->chain + m->chain_len, text.data, text.len);
    m->chain_len += text.len;
}

static int set_up(void **state)
{
    static struct material m;

    m.specimen = specimen_new(&(struct specimen_kind){"Milan", 3, NULL});
    m.chain_len = 0;
    append_pem(&m, &m.specimen->ask);
    append_pem(&m, &m.specimen->ark);
    m.out = buf_over(m.out_storage, sizeof(m.out_storage));
    *state = &m;
    return 0;
}

static int tear_down(void **state)
{
    struct material *m = *state;

    specimen_free(m->specimen);
    return 0;
}

static struct kds_reply judge(struct material *m, enum vendor_kind kind, struct bytes body)
{
    const struct kds_response response = {.status = 200, .body = body};

    m->out.len = 0;
    return kds_reply_judge(kind, &response, NOW, &m->out);
}

static void each_kind_has_its_form(void **state)
{
    struct material *m = *state;
    const struct specimen *s = m->specimen;
    struct bytes vek = {s->vek.data, s->vek.len};
    struct bytes chain = {m->chain, m->chain_len};

    assert_int_equal(judge(m, VENDOR_VCEK, vek).outcome, KDS_GIVEN);
    assert_int_equal(m->out.len, vek.len);
    assert_memory_equal(m->out.data, vek.data, vek.len);
    assert_int_equal(judge(m, VENDOR_CHAIN, chain).outcome, KDS_GIVEN);
    assert_int_equal(m->out.len, s->ask.len + s->ark.len);
    assert_memory_equal(m->out.data, s->ask.data, s->ask.len);
    assert_memory_equal(m->out.data + s->ask.len, s->ark.data, s->ark.len);
}

static void what_has_another_form_is_bad_and_leaves_nothing(void **state)
{
    struct material *m = *state;
    const struct specimen *s = m->specimen;
    struct bytes vek = {s->vek.data, s->vek.len};
    struct bytes chain = {m->chain, m->chain_len};
    const struct {
        enum vendor_kind kind;
        struct bytes body;
    } rows[] = {
        {VENDOR_VCEK, chain},
        {VENDOR_VCEK, {vek.data, vek.len - 1}},
        {VENDOR_VCEK, {vek.data, 0}},
        {VENDOR_VCEK, {NULL, 0}},
        {VENDOR_VCEK, TEXT("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")},
        {VENDOR_CHAIN, vek},
        {VENDOR_CHAIN, {chain.data, chain.len / 2}},
        {VENDOR_CHAIN, {chain.data, chain.len - 30}},
        {VENDOR_CHAIN, {NULL, 0}},
        {VENDOR_CRL, vek},
        {VENDOR_CRL, {NULL, 0}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(judge(m, rows[i].kind, rows[i].body).outcome, KDS_BAD);
        assert_int_equal(m->out.len, 0);
    }
}

static void a_page_for_people_is_bad_whatever_it_holds(void **state)
{
    struct material *m = *state;
    static const struct {
        const char *type;
        enum kds_outcome outcome;
    } rows[] = {
        {"text/html", KDS_BAD},
        {"Text/HTML; charset=utf-8", KDS_BAD},
        {"application/json", KDS_BAD},
        {"application/pkix-cert", KDS_GIVEN},
        {"application/octet-stream", KDS_GIVEN},
        {"", KDS_GIVEN},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kds_response response = {
            .status = 200,
            .content_type = TEXT(rows[i].type),
            .body = {m->specimen->vek.data, m->specimen->vek.len},
        };

        assert_int_equal(kds_reply_judge(VENDOR_VCEK, &response, NOW, &m->out).outcome,
                         rows[i].outcome);
    }
}

static void the_status_says_what_became_of_a_request(void **state)
{
    struct material *m = *state;
    static const struct {
        unsigned status;
        enum kds_outcome outcome;
    } rows[] = {
        {404, KDS_ABSENT}, {429, KDS_BUSY}, {502, KDS_DOWN}, {503, KDS_DOWN},   {504, KDS_DOWN},
        {500, KDS_BAD},    {302, KDS_BAD},  {301, KDS_BAD},  {400, KDS_ABSENT}, {204, KDS_BAD},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kds_response response = {
            .status = rows[i].status,
            .body = {m->specimen->vek.data, m->specimen->vek.len},
        };
        struct kds_reply reply;

        m->out.len = 0;
        reply = kds_reply_judge(VENDOR_VCEK, &response, NOW, &m->out);

        assert_int_equal(reply.outcome, rows[i].outcome);
        assert_non_null(reply.reason);
        assert_int_equal(m->out.len, 0);
    }
}

static void retry_after_is_obeyed_within_an_hour(void **state)
{
    struct material *m = *state;
    static const struct {
        const char *value;
        uint64_t ms;
    } rows[] = {
        {"0", 0},
        {"7", 7000},
        {"3600", KDS_RETRY_MAX_MS},
        {"3601", KDS_RETRY_MAX_MS},
        {"999999999", KDS_RETRY_MAX_MS},
        {"99999999999999999999999", KDS_RETRY_MAX_MS},
        {"Mon, 21 Sep 2026 14:14:20 GMT", 60000},
        {"Mon, 21 Sep 2026 14:13:20 GMT", 0},
        {"Mon, 21 Sep 2020 14:13:20 GMT", 0},
        {"Tue, 21 Sep 2027 14:13:20 GMT", KDS_RETRY_MAX_MS},
        {"", 0},
        {"-5", 0},
        {"5.5", 0},
        {"5 ", 0},
        {"soon", 0},
        {"Mon, 21 Sep 2026 14:14:20 GMT and more", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kds_response response = {.status = 429, .retry_after = TEXT(rows[i].value)};

        assert_int_equal(kds_reply_judge(VENDOR_CRL, &response, NOW, &m->out).retry_ms, rows[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_form),
        cmocka_unit_test(what_has_another_form_is_bad_and_leaves_nothing),
        cmocka_unit_test(a_page_for_people_is_bad_whatever_it_holds),
        cmocka_unit_test(the_status_says_what_became_of_a_request),
        cmocka_unit_test(retry_after_is_obeyed_within_an_hour),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
