/*
 * Supply: evidence that brings no certificates is judged with what was kept, then with what was
 * fetched; and only what held is kept.
 */
#include "ca/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "attest/cert.h"
#include "common/err.h"
#include "tests/lib/attempt.h"
#include "tests/lib/authority.h"

static int set_up(void **state)
{
    static struct authority authority;

    authority_init(&authority, AUTHORITY_POLICY);
    *state = &authority;
    return 0;
}

static int tear_down(void **state)
{
    authority_deinit(*state);
    return 0;
}

static void bring_no_certificates(struct attempt *a)
{
    a->evidence.num_certs = 0;
}

static void bring_no_intermediate(struct attempt *a)
{
    a->evidence.num_certs = 1;
}

static void claim_another_chip(struct attempt *a)
{
    bring_no_certificates(a);
    a->report[report_field_info(REPORT_CHIP_ID)->offset] ^= 1;
}

static void mask_the_chip(struct attempt *a)
{
    bring_no_certificates(a);
    memset(a->report + report_field_info(REPORT_CHIP_ID)->offset, 0, CLAIMS_CHIP_LEN);
}

static void spoil_the_length(struct attempt *a)
{
    bring_no_certificates(a);
    a->evidence.outblob.len--;
}

/* One enrolment; NULL: accepted, else the slug. */
static const char *enrol(struct attempt *a, void (*apply)(struct attempt *a))
{
    const struct change change = {STAGE_REPORTED, apply};

    attempt_prepare(a, apply != NULL ? &change : NULL);
    return attempt_decide(a) ? NULL : a->result.verdict.slug;
}

static void what_evidence_was_accepted_with_serves_the_next_one(void **state)
{
    struct authority *authority = *state;
    struct attempt *bare = attempt_new(authority);
    struct attempt *full = attempt_new(authority);
    struct attempt *again = attempt_new(authority);

    assert_string_equal(enrol(bare, bring_no_certificates), "vek-missing");
    assert_true(bare->result.lacking);
    assert_int_equal(bare->result.wanted.kind, VENDOR_VCEK);
    assert_int_equal(bare->result.wanted.product, PRODUCT_SIM);
    assert_false(bare->result.chip_known);
    assert_null(enrol(full, NULL));
    assert_true(full->result.kept);
    assert_null(enrol(again, bring_no_certificates));
    attempt_free(bare);
    attempt_free(full);
    attempt_free(again);
}

static void what_was_fetched_is_used_and_kept(void **state)
{
    struct authority *authority = *state;
    struct bytes ask = sim_ask(authority->machine);
    struct bytes ark = policy_ca(authority->policy)->insecure_root_der;
    uint8_t both[2 * CERT_DER_MAX];
    struct vendor_item fetched[2] = {{.data = sim_vek(authority->machine)},
                                     {.data = {both, ask.len + ark.len}}};
    struct attempt *a = attempt_new(authority);
    struct attempt *again = attempt_new(authority);

    memcpy(both, ask.data, ask.len);
    memcpy(both + ask.len, ark.data, ark.len);
    a->request.fetched = fetched;
    for (unsigned i = 0; i < 2; i++) {
        assert_non_null(enrol(a, bring_no_certificates));
        assert_true(a->result.lacking);
        assert_int_equal(a->result.wanted.kind, i == 0 ? VENDOR_VCEK : VENDOR_CHAIN);
        fetched[i].key = a->result.wanted;
        a->request.num_fetched = i + 1;
        a->attributes.len = 0;
        a->body.len = 0;
        a->nonce_text.len = 0;
    }
    assert_null(enrol(a, bring_no_certificates));
    assert_null(enrol(again, bring_no_certificates));
    attempt_free(a);
    attempt_free(again);
}

/* A wrong answer decides nothing else than a missing one, and is not kept. */
static void what_was_fetched_and_does_not_hold_is_not_kept(void **state)
{
    struct authority *authority = *state;
    struct bytes vek = sim_vek(authority->machine);
    uint8_t spoilt[CERT_DER_MAX];
    struct vendor_item fetched = {.data = {spoilt, vek.len}};
    struct attempt *a = attempt_new(authority);
    struct attempt *again = attempt_new(authority);

    memcpy(spoilt, vek.data, vek.len);
    spoilt[vek.len - 1] ^= 1;
    assert_non_null(enrol(a, bring_no_certificates));
    fetched.key = a->result.wanted;
    a->request.fetched = &fetched;
    a->request.num_fetched = 1;
    assert_false(attempt_decide(a));
    assert_string_equal(a->result.verdict.slug, "ask-missing");
    assert_string_equal(enrol(again, bring_no_certificates), "vek-missing");
    attempt_free(a);
    attempt_free(again);
}

static void only_what_the_vendor_can_have_is_wanted(void **state)
{
    static const struct {
        void (*apply)(struct attempt *a);
        bool lacking;
    } rows[] = {
        {bring_no_intermediate, true},
        {claim_another_chip, true},
        {mask_the_chip, false},
        {spoil_the_length, false},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct attempt *a = attempt_new(*state);

        assert_non_null(enrol(a, rows[i].apply));
        assert_int_equal(a->result.lacking, rows[i].lacking);
        attempt_free(a);
    }
}

static void what_could_match_no_workload_is_not_wanted(void **state)
{
    static const char other[] = "[tcb genoa]\nsnp = 1\n[workload app]\ntee = snp\ntcb = genoa\n"
                                "spiffe = snp/app\nmeasurement = "
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    struct attempt *a = attempt_new(*state);

    authority_set_policy(*state, other, true);
    assert_string_equal(enrol(a, bring_no_certificates), "vek-missing");
    assert_false(a->result.lacking);
    attempt_free(a);
}

static void a_chip_that_the_policy_lists_is_known(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);
    struct attempt *again = attempt_new(authority);
    char chip[2 * CLAIMS_CHIP_LEN + 1];
    char text[2048];

    assert_string_equal(enrol(a, bring_no_certificates), "vek-missing");
    assert_false(a->result.chip_known);
    for (size_t i = 0; i < CLAIMS_CHIP_LEN; i++) {
        snprintf(chip + 2 * i, 3, "%02x", a->result.wanted.chip[i]);
    }
    snprintf(text, sizeof(text), AUTHORITY_POLICY "chip = %s\n", chip);
    authority_set_policy(authority, text, true);
    assert_string_equal(enrol(again, bring_no_certificates), "vek-missing");
    assert_true(again->result.chip_known);
    attempt_free(a);
    attempt_free(again);
}

/* Whatever the vendor answers, it is not asked for ever. */
static void an_answer_that_there_is_none_ends_the_search(void **state)
{
    struct vendor_item fetched = {.data = {NULL, 0}};
    struct attempt *a = attempt_new(*state);

    assert_string_equal(enrol(a, bring_no_certificates), "vek-missing");
    fetched.key = a->result.wanted;
    a->request.fetched = &fetched;
    a->request.num_fetched = 1;
    assert_false(attempt_decide(a));
    assert_string_equal(a->result.verdict.slug, "vek-missing");
    assert_false(a->result.lacking);
    attempt_free(a);
}

/* Or hostile evidence would be judged over and over. */
static void each_thing_is_added_once(void **state)
{
    struct authority *authority = *state;
    struct vendor_item fetched = {.data = sim_vek(authority->machine)};
    struct attempt *a = attempt_new(authority);
    struct supply_options options = {
        .policy = authority->policy,
        .collateral = authority->enrol.collateral,
        .store = authority->enrol.store,
        .fetched = &fetched,
        .num_fetched = 1,
    };
    struct supply *supply = NULL;
    struct vendor_key key;
    struct err err = {0};

    assert_string_equal(enrol(a, bring_no_certificates), "vek-missing");
    fetched.key = a->result.wanted;
    supply = supply_new(&options);
    assert_int_equal(supply_next(supply, &a->evidence, &a->result.verdict, &key, &err),
                     SUPPLY_MORE);
    assert_int_equal(supply_collateral(supply)->num_certs, options.collateral->num_certs + 1);
    assert_int_equal(supply_next(supply, &a->evidence, &a->result.verdict, &key, &err), SUPPLY_ALL);
    assert_int_equal(supply_collateral(supply)->num_certs, options.collateral->num_certs + 1);
    supply_free(supply);
    attempt_free(a);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_evidence_was_accepted_with_serves_the_next_one),
        CASE(what_was_fetched_is_used_and_kept),
        CASE(what_was_fetched_and_does_not_hold_is_not_kept),
        CASE(only_what_the_vendor_can_have_is_wanted),
        CASE(what_could_match_no_workload_is_not_wanted),
        CASE(a_chip_that_the_policy_lists_is_known),
        CASE(each_thing_is_added_once),
        CASE(an_answer_that_there_is_none_ends_the_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
