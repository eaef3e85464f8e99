/*
 * Policy: the guest rows with their defaults, floors and reference values, and who is granted what.
 */
#include "attest/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"

static void guest_rules_refuse_what_is_not_allowed_by_name(void **state)
{
    static const struct {
        struct claims claims;
        struct policy_guest_rules rules;
        const char *slug; /* NULL: accepted */
        int row;
    } cases[] = {
        {{0}, {0}, NULL, 0},
        {{.debug = true}, {0}, "debug-allowed", 69},
        {{.debug = true}, {.allow_debug = true}, NULL, 0},
        {{.migration = true}, {.allow_debug = true}, "migration-allowed", 69},
        {{.migration = true}, {.allow_migration = true}, NULL, 0},
        {{.smt = true}, {0}, NULL, 0},
        {{.smt = true}, {.refuse_smt = true}, "smt-allowed", 69},
        {{.vmpl = 1}, {0}, "vmpl-not-allowed", 70},
        {{.vmpl = 0}, {.vmpl = 2}, "vmpl-not-allowed", 70},
        {{.vmpl = 2}, {.vmpl = 2}, NULL, 0},
        {{.vmpl = 0xffffffff}, {0}, "vmpl-not-allowed", 70},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = {.code = VERDICT_ACCEPTED};
        struct claims claims = cases[i].claims;
        bool accepted = false;

        claims.chip_known = true;
        accepted = policy_check_defaults(&claims, &cases[i].rules, &verdict, NULL);

        assert_int_equal(accepted, cases[i].slug == NULL);
        if (!accepted) {
            assert_int_equal(verdict.code, VERDICT_GUEST_POLICY);
            assert_string_equal(verdict.slug, cases[i].slug);
            assert_int_equal(verdict.row, cases[i].row);
        }
    }
}

#define HEX_AA                                                                                     \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aa"                                                                                           \
    "aa"
#define HEX_BB                                                                                     \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" \
    "bb"                                                                                           \
    "bb"
#define CA "[ca]\ntrust_domain = prod.example\n"
#define FLOORS "[tcb genoa]\nsnp = 21\nmicrocode = 72\n[tcb turin]\nfmc = 0\n"
#define WORKLOAD(name, measurement)                                                                \
    "[workload " name "]\n"                                                                        \
    "tee = snp\n"                                                                                  \
    "tcb = genoa\n"                                                                                \
    "tcb = turin\n"                                                                                \
    "spiffe = snp/" name "\n"                                                                      \
    "measurement = " measurement "\n"

static struct tcb make_tcb(uint8_t snp, uint8_t microcode)
{
    return (struct tcb){
        .value = {[TCB_BOOTLOADER] = 7, [TCB_SNP] = snp, [TCB_MICROCODE] = microcode},
        .present =
            {[TCB_BOOTLOADER] = true, [TCB_TEE] = true, [TCB_SNP] = true, [TCB_MICROCODE] = true},
    };
}

/* What passes the policies below: genoa, measurement aa..., every TCB at its floor. */
static struct claims sound_claims(void)
{
    struct claims claims = {
        .tee = TEE_SNP,
        .product = PRODUCT_GENOA,
        .measurement_len = 48,
        .reported = make_tcb(21, 72),
        .current = make_tcb(21, 72),
        .committed = make_tcb(21, 72),
        .launch = make_tcb(21, 72),
        .chip_known = true,
    };

    memset(claims.measurement, 0xaa, 48);
    return claims;
}

/* NULL: granted, and the workload's name in `out_workload`. */
static const char *evaluate(const char *text, const struct claims *claims, const char *uri,
                            char out_workload[static 40])
{
    struct err err = {0};
    struct policy *policy = policy_parse("p.ini", text, strlen(text), &err);
    struct policy_grant grant;
    struct verdict verdict;
    bool granted = false;

    assert_string_equal(err.msg, "");
    assert_non_null(policy);
    granted = policy_evaluate(policy, claims, uri, &grant, &verdict, NULL);
    snprintf(out_workload, 40, "%s", granted ? grant.workload : "");
    policy_free(policy);
    return granted ? NULL : verdict.slug;
}

static void floors_hold_for_each_tcb_component_by_component(void **state)
{
    static const char policy[] = CA FLOORS WORKLOAD("app", HEX_AA);
    const struct {
        struct tcb reported, current, committed, launch;
        const char *slug;
    } cases[] = {
#define GOOD make_tcb(21, 72)
        {GOOD, GOOD, GOOD, GOOD, NULL},
        {GOOD, make_tcb(22, 73), GOOD, GOOD, NULL},
        {make_tcb(20, 72), GOOD, GOOD, GOOD, "reported-below-floor"},
        {make_tcb(21, 71), GOOD, GOOD, GOOD, "reported-below-floor"},
        {GOOD, make_tcb(30, 80), make_tcb(30, 71), GOOD, "committed-below-floor"},
        {GOOD, make_tcb(30, 80), GOOD, make_tcb(20, 80), "launch-below-floor"},
        {make_tcb(20, 72), make_tcb(20, 72), make_tcb(20, 72), make_tcb(20, 72),
         "current-below-floor"},
        /* More of one component makes up for nothing of another. */
        {make_tcb(22, 72), make_tcb(21, 200), GOOD, GOOD, "reported-above-current"},
        {GOOD, GOOD, make_tcb(21, 73), GOOD, "committed-above-current"},
        {GOOD, GOOD, GOOD, make_tcb(22, 72), "launch-above-current"},
#undef GOOD
    };
    char workload[40];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct claims claims = sound_claims();
        const char *slug = NULL;

        claims.reported = cases[i].reported;
        claims.current = cases[i].current;
        claims.committed = cases[i].committed;
        claims.launch = cases[i].launch;
        slug = evaluate(policy, &claims, NULL, workload);
        if (cases[i].slug == NULL) {
            assert_null(slug);
        } else {
            assert_non_null(slug);
            assert_string_equal(slug, cases[i].slug);
        }
    }
}

static void a_product_needs_floors_and_the_components_they_name(void **state)
{
    static const char policy[] = CA FLOORS WORKLOAD("app", HEX_AA);
    struct claims claims = sound_claims();
    char workload[40];

    claims.product = PRODUCT_MILAN;
    assert_string_equal(evaluate(policy, &claims, NULL, workload), "product-without-floor");
    claims.product = PRODUCT_TURIN; /* its floor names fmc, which this TCB does not have */
    assert_string_equal(evaluate(policy, &claims, NULL, workload), "current-below-floor");
}

static void measurements_are_compared_whole(void **state)
{
    static const char policy[] = CA FLOORS WORKLOAD("app", HEX_BB) "measurement = " HEX_AA "\n";
    struct claims claims = sound_claims();
    char workload[40];

    assert_null(evaluate(policy, &claims, NULL, workload));
    claims.measurement[47] ^= 1;
    assert_string_equal(evaluate(policy, &claims, NULL, workload), "measurement");
    claims.measurement[47] ^= 1;
    claims.measurement_len = 32;
    assert_string_equal(evaluate(policy, &claims, NULL, workload), "measurement");
}

static void exactly_one_workload_is_granted(void **state)
{
    static const char both[] =
        CA FLOORS WORKLOAD("one", HEX_AA) WORKLOAD("two", HEX_AA) WORKLOAD("other", HEX_BB);
    static const char reference_twice[] = CA FLOORS WORKLOAD(
        "one", HEX_BB) "[workload two]\ntee = snp\nspiffe = snp/two\nmeasurement = " HEX_AA
                       "\n" WORKLOAD("three", HEX_BB);
    static const char floors_and_reference[] =
        CA FLOORS WORKLOAD("other", HEX_BB) WORKLOAD("debug", HEX_BB) "vmpl = 1\n";
    static const struct {
        const char *policy;
        const char *uri;
        const char *workload; /* NULL: refused, as `slug` says */
        const char *slug;
    } cases[] = {
        {both, NULL, NULL, "several-workloads-match"},
        {both, "spiffe://prod.example/snp/one", "one", NULL},
        {both, "spiffe://prod.example/snp/two", "two", NULL},
        {both, "spiffe://prod.example/snp/other", NULL, "uri-not-permitted"},
        {both, "spiffe://prod.example/snp/none", NULL, "uri-not-permitted"},
        {both, "spiffe://test.example/snp/one", NULL, "uri-not-permitted"},
        {CA FLOORS WORKLOAD("one", HEX_AA), NULL, "one", NULL},
        {CA FLOORS WORKLOAD("one", HEX_AA), "spiffe://prod.example/snp/two", NULL,
         "uri-not-permitted"},
        {CA FLOORS WORKLOAD("other", HEX_BB), NULL, NULL, "measurement"},
        {CA FLOORS WORKLOAD("other", HEX_BB) WORKLOAD("more", HEX_BB), NULL, NULL, "measurement"},
        {floors_and_reference, NULL, NULL, "no-workload-matches"},
        {reference_twice, NULL, NULL, "no-workload-matches"},
        {CA, NULL, NULL, "no-workload-matches"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct claims claims = sound_claims();
        char workload[40];
        const char *slug = evaluate(cases[i].policy, &claims, cases[i].uri, workload);

        if (cases[i].workload != NULL) {
            assert_null(slug);
            assert_string_equal(workload, cases[i].workload);
        } else {
            assert_non_null(slug);
            assert_string_equal(slug, cases[i].slug);
        }
    }
}

static void workloads_of_another_platform_do_not_count(void **state)
{
    struct claims claims = sound_claims();
    char workload[40];

    claims.tee = TEE_SIM;
    assert_string_equal(evaluate(CA FLOORS WORKLOAD("one", HEX_AA), &claims, NULL, workload),
                        "no-workload-matches");
}

static void every_workload_of_the_platform_is_traced(void **state)
{
    static const char text[] = CA FLOORS WORKLOAD("one", HEX_AA) WORKLOAD("other", HEX_BB);
    struct claims claims = sound_claims();
    struct err err = {0};
    struct policy *policy = policy_parse("p.ini", text, strlen(text), &err);
    struct policy_trace items[1];
    struct policy_traces traces = {items, 1, 0};
    struct policy_trace all_items[4];
    struct policy_traces all = {all_items, 4, 0};
    struct policy_grant grant;
    struct verdict verdict;

    assert_non_null(policy);
    assert_true(policy_evaluate(policy, &claims, NULL, &grant, &verdict, &all));
    assert_int_equal(all.num, 2);
    assert_string_equal(all_items[0].workload, "one");
    assert_true(all_items[0].matches);
    assert_false(all_items[1].matches);
    assert_string_equal(all_items[1].first_failure.slug, "measurement");
    assert_true(policy_evaluate(policy, &claims, NULL, &grant, &verdict, &traces));
    assert_int_equal(traces.num, 1);
    policy_free(policy);
}

static void what_could_match_nothing_is_not_looked_for(void **state)
{
    static const char text[] =
        "[ca]\ntrust_domain = td.example\n"
        "[tcb genoa]\nsnp = 1\n[tcb milan]\nsnp = 1\n[tcb turin]\nsnp = 1\n"
        "[workload a]\ntee = snp\ntcb = genoa\nspiffe = snp/a\n"
        "measurement = " HEX_AA "\n"
        "[workload b]\ntee = snp\ntcb = turin\nspiffe = snp/b\nvek = vlek\n"
        "measurement = " HEX_AA "\n"
        "[workload c]\ntee = snp\ntcb = genoa\nspiffe = snp/c\nvek = vcek\n"
        "measurement = " HEX_AA "\nchip = " HEX_AA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    static const struct {
        enum product product;
        bool vlek;
        enum policy_interest interest;
    } rows[] = {
        {PRODUCT_GENOA, false, POLICY_EXPECTS}, {PRODUCT_GENOA, true, POLICY_ADMITS},
        {PRODUCT_TURIN, false, POLICY_REFUSES}, {PRODUCT_TURIN, true, POLICY_EXPECTS},
        {PRODUCT_MILAN, false, POLICY_REFUSES}, {PRODUCT_MILAN, true, POLICY_REFUSES},
        {PRODUCT_SIM, false, POLICY_REFUSES},   {PRODUCT_SIM, true, POLICY_REFUSES},
    };
    struct err err = {0};
    struct policy *policy = policy_parse("p.ini", text, sizeof(text) - 1, &err);
    uint8_t chip[CLAIMS_CHIP_LEN];

    if (policy == NULL) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(policy_interest(policy, rows[i].product, rows[i].vlek), rows[i].interest);
    }
    memset(chip, 0xaa, sizeof(chip));
    assert_true(policy_names_chip(policy, chip));
    chip[63] ^= 1;
    assert_false(policy_names_chip(policy, chip));
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_rules_refuse_what_is_not_allowed_by_name),
        cmocka_unit_test(floors_hold_for_each_tcb_component_by_component),
        cmocka_unit_test(a_product_needs_floors_and_the_components_they_name),
        cmocka_unit_test(measurements_are_compared_whole),
        cmocka_unit_test(exactly_one_workload_is_granted),
        cmocka_unit_test(workloads_of_another_platform_do_not_count),
        cmocka_unit_test(every_workload_of_the_platform_is_traced),
        cmocka_unit_test(what_could_match_nothing_is_not_looked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
