/*
 * Published: what a vendor publishes for all chips is judged as with evidence, but without.
 */
#include "attest/published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "tests/lib/revocation.h"
#include "tests/lib/specimen.h"

/* One question; a case alters it, or what it is about. */
struct question {
    struct specimen *specimen;
    struct revocation list;
    struct published published;
    struct crl_mark mark; /* of the newest list so far */
};

static void ask_for_another_product(struct question *q)
{
    q->published.product = PRODUCT_GENOA;
}

static void ask_for_the_other_kind(struct question *q)
{
    q->published.vlek = true;
}

static void forge_the_intermediate(struct question *q)
{
    q->specimen->ask.data[q->specimen->ask.len - 1] ^= 1;
}

static void leave_the_intermediate_out(struct question *q)
{
    q->specimen->ask.len = 0;
}

static void trust_another_root(struct question *q)
{
    q->specimen->anchors[0].spki_sha256[0] ^= 1;
}

static void let_the_intermediate_expire(struct question *q)
{
    X509 *ask = specimen_open(&q->specimen->ask);

    ASN1_TIME_set(X509_getm_notAfter(ask), SPECIMEN_NOW - 1);
    specimen_close(&q->specimen->ask, ask, q->specimen->ark_key);
}

static void sign_with_the_intermediate(struct question *q)
{
    q->list.issuer = &q->specimen->ask;
    q->list.signer = q->specimen->ask_key;
}

static void sign_with_another_key(struct question *q)
{
    q->list.signer = q->specimen->ask_key;
}

static void let_the_list_expire(struct question *q)
{
    q->list.next_update = SPECIMEN_NOW;
}

static void date_the_list_ahead(struct question *q)
{
    q->list.this_update = SPECIMEN_NOW + 3600;
}

static void add_a_critical_extension(struct question *q)
{
    q->list.critical = true;
}

static void take_its_number(struct question *q)
{
    q->list.number = -1;
}

static void go_back(struct question *q)
{
    q->list.number = 6;
}

static void sound(struct question *q)
{
}

static void revoke_the_intermediate(struct question *q)
{
    q->list.revoked = &q->specimen->ask;
}

static void go_back_in_the_other_kind(struct question *q)
{
    q->mark.vlek = true;
    go_back(q);
}

static void question_init(struct question *q, const char *csp)
{
    const struct specimen_kind milan = {"Milan", 3, csp};

    *q = (struct question){.specimen = specimen_new(&milan)};
    q->published.vlek = csp != NULL;
    q->list = (struct revocation){
        .issuer = &q->specimen->ark,
        .signer = q->specimen->ark_key,
        .number = 7,
        .this_update = SPECIMEN_NOW - 60,
        .next_update = SPECIMEN_NOW + 60,
    };
    q->published.product = PRODUCT_MILAN;
    q->mark = (struct crl_mark){.number = {7}, .number_len = 1, .this_update = SPECIMEN_NOW - 60};
    memcpy(q->mark.ark_spki_sha256, q->specimen->anchors[0].spki_sha256,
           sizeof(q->mark.ark_spki_sha256));
}

static bool judge(struct question *q, struct published_terms *out_terms,
                  struct verdict *out_verdict)
{
    struct specimen *specimen = q->specimen;
    const struct bytes certs[] = {{specimen->vek.data, specimen->vek.len},
                                  {specimen->ark.data, specimen->ark.len},
                                  {specimen->ask.data, specimen->ask.len}};
    const struct collateral collateral = {.certs = certs, .num_certs = 3};

    revocation_make(&q->list, &specimen->crls[0]);
    q->published.certs = &collateral;
    q->published.crl = (struct bytes){specimen->crls[0].data, specimen->crls[0].len};
    specimen->options.crl_marks = &q->mark;
    specimen->options.num_crl_marks = 1;
    return published_judge(&q->published, &specimen->options, out_terms, out_verdict);
}

static void what_does_not_hold_is_refused_for_its_row(void **state)
{
    static const struct {
        void (*spoil)(struct question *q);
        const char *slug; /* NULL: it holds */
        int row;
    } rows[] = {
        {sound, NULL, 0},
        {revoke_the_intermediate, NULL, 0}, /* which is what it is kept for */
        {go_back_in_the_other_kind, NULL, 0},
        {leave_the_intermediate_out, "ask-missing", 21},
        {ask_for_another_product, "ark-not-pinned", 28},
        {trust_another_root, "ark-not-pinned", 28},
        {forge_the_intermediate, "ask-signature", 32},
        {ask_for_the_other_kind, "ask-name", 34},
        {let_the_intermediate_expire, "ask-expired", 35},
        {sign_with_the_intermediate, "crl-issuer", 58},
        {sign_with_another_key, "crl-signature", 59},
        {add_a_critical_extension, "crl-critical-extension", 60},
        {let_the_list_expire, "crl-expired", 61},
        {date_the_list_ahead, "crl-not-yet-valid", 61},
        {take_its_number, "crl-number-missing", 62},
        {go_back, "crl-rollback", 62},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct published_terms terms;
        struct verdict verdict;
        struct question q;
        bool holds = false;

        question_init(&q, NULL);
        rows[i].spoil(&q);
        holds = judge(&q, &terms, &verdict);
        if (holds != (rows[i].slug == NULL)) {
            fail_msg("%s: %s", rows[i].slug, holds ? "taken" : verdict.slug);
        }
        if (!holds) {
            assert_string_equal(verdict.slug, rows[i].slug);
            assert_int_equal(verdict.row, rows[i].row);
        }
        specimen_free(q.specimen);
    }
}

static void the_terms_are_those_of_chain_and_list(void **state)
{
    struct published_terms terms;
    struct verdict verdict;
    struct question q;

    question_init(&q, NULL);
    q.list.number = 8;
    assert_true(judge(&q, &terms, &verdict));
    assert_true(terms.crl_from == SPECIMEN_NOW - 60 && terms.crl_until == SPECIMEN_NOW + 60);
    assert_true(terms.chain_from < SPECIMEN_NOW && terms.chain_until > SPECIMEN_NOW);
    assert_int_equal(terms.mark.number_len, 1);
    assert_int_equal(terms.mark.number[0], 8);
    assert_true(terms.mark.this_update == SPECIMEN_NOW - 60);
    assert_false(terms.mark.vlek);
    assert_memory_equal(terms.mark.ark_spki_sha256, q.mark.ark_spki_sha256, 32);
    specimen_free(q.specimen);
    question_init(&q, "CN=cc-us-east-2.amazonaws.com");
    assert_true(judge(&q, &terms, &verdict));
    assert_true(terms.mark.vlek);
    specimen_free(q.specimen);
}

static void bytes_that_are_no_list_are_refused(void **state)
{
    struct published_terms terms;
    struct verdict verdict;
    struct question q;
    struct bytes certs[2];
    const struct collateral collateral = {.certs = certs, .num_certs = 2};

    question_init(&q, NULL);
    certs[0] = (struct bytes){q.specimen->ark.data, q.specimen->ark.len};
    certs[1] = (struct bytes){q.specimen->ask.data, q.specimen->ask.len};
    q.published.certs = &collateral;
    assert_true(published_judge(&q.published, &q.specimen->options, &terms, &verdict));
    assert_true(terms.crl_until == 0);
    q.published.crl = (struct bytes){(const uint8_t *)"x", 1};
    assert_false(published_judge(&q.published, &q.specimen->options, &terms, &verdict));
    assert_string_equal(verdict.slug, "crl-malformed");
    specimen_free(q.specimen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_hold_is_refused_for_its_row),
        cmocka_unit_test(the_terms_are_those_of_chain_and_list),
        cmocka_unit_test(bytes_that_are_no_list_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
