/*
 * Rows 10 to 20: the fields of the report, one broken at a time and signed anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/specimen.h"

static void put(struct specimen *specimen, size_t offset, uint8_t value)
{
    specimen->report[offset] = value;
    specimen_sign_report(specimen);
}

static void set(struct specimen *specimen, enum report_field field, uint64_t value)
{
    specimen_set(specimen, field, value);
    specimen_sign_report(specimen);
}

static void version_1(struct specimen *specimen)
{
    set(specimen, REPORT_VERSION, 1);
}

static void version_6(struct specimen *specimen)
{
    set(specimen, REPORT_VERSION, 6);
}

static void algorithm_0(struct specimen *specimen)
{
    set(specimen, REPORT_SIGNATURE_ALGO, 0);
}

static void vmpl_host(struct specimen *specimen)
{
    set(specimen, REPORT_VMPL, 0xffffffff);
}

static void vmpl_4(struct specimen *specimen)
{
    set(specimen, REPORT_VMPL, 4);
}

static void policy_without_bit_17(struct specimen *specimen)
{
    set(specimen, REPORT_POLICY, 0x10000);
}

static void policy_with_bit_26(struct specimen *specimen)
{
    set(specimen, REPORT_POLICY, 0x4030000);
}

static void policy_with_bit_63(struct specimen *specimen)
{
    set(specimen, REPORT_POLICY, 0x8000000000030000);
}

static void key_info_bit_5(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, 1U << 5);
}

static void signing_key_7(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, 7U << 2);
}

static void signing_key_2(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, 2U << 2);
}

static void signing_key_6(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, 6U << 2);
}

static void chip_key_masked(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, 2);
}

static void byte_04f(struct specimen *specimen)
{
    put(specimen, 0x04f, 1);
}

static void byte_1eb(struct specimen *specimen)
{
    put(specimen, 0x1eb, 1);
}

static void byte_1ef(struct specimen *specimen)
{
    put(specimen, 0x1ef, 1);
}

static void byte_208(struct specimen *specimen)
{
    put(specimen, 0x208, 1);
}

static void byte_29f(struct specimen *specimen)
{
    put(specimen, 0x29f, 1);
}

static void byte_188(struct specimen *specimen)
{
    put(specimen, 0x188, 1);
}

static void byte_18b(struct specimen *specimen)
{
    put(specimen, 0x18b, 1);
}

static void byte_19f(struct specimen *specimen)
{
    put(specimen, 0x19f, 1);
}

static void byte_1f8(struct specimen *specimen)
{
    put(specimen, 0x1f8, 1);
}

static void byte_207(struct specimen *specimen)
{
    put(specimen, 0x207, 1);
}

/* Not covered by the signature. */
static void byte_2d0(struct specimen *specimen)
{
    specimen->report[0x2d0] = 1;
}

static void byte_32f(struct specimen *specimen)
{
    specimen->report[0x32f] = 1;
}

static void byte_330(struct specimen *specimen)
{
    specimen->report[0x330] = 1;
}

static void byte_49f(struct specimen *specimen)
{
    specimen->report[0x49f] = 1;
}

static void r_zero(struct specimen *specimen)
{
    memset(specimen->report + 0x2a0, 0, 48);
}

/* The order of P-384, little-endian: its low half, the rest is ones. */
static const uint8_t order_low[24] = {0x73, 0x29, 0xc5, 0xcc, 0x6a, 0x19, 0xec, 0xec,
                                      0x7a, 0xa7, 0xb0, 0x48, 0xb2, 0x0d, 0x1a, 0x58,
                                      0xdf, 0x2d, 0x37, 0xf4, 0x81, 0x4d, 0x63, 0xc7};

static void s_is_the_order(struct specimen *specimen)
{
    memcpy(specimen->report + 0x2e8, order_low, sizeof(order_low));
    memset(specimen->report + 0x2e8 + 24, 0xff, 24);
}

static void s_above_the_order(struct specimen *specimen)
{
    memset(specimen->report + 0x2e8, 0xff, 48);
}

#define V2                                                                                         \
    {                                                                                              \
        "Milan", 2, NULL                                                                           \
    }
#define V4                                                                                         \
    {                                                                                              \
        "Genoa", 4, NULL                                                                           \
    }
#define V5                                                                                         \
    {                                                                                              \
        "Genoa", 5, NULL                                                                           \
    }

// clang-format off
static const struct specimen_case cases[] = {
    {"version-unsupported",  10, VERDICT_REPORT_INVALID, version_1, {0}},
    {"version-unsupported",  10, VERDICT_REPORT_INVALID, version_6, V5},
    {"signature-algorithm",  11, VERDICT_REPORT_INVALID, algorithm_0, {0}},
    {"host-requested",       12, VERDICT_REPORT_INVALID, vmpl_host, {0}},
    {"vmpl-range",           12, VERDICT_REPORT_INVALID, vmpl_4, {0}},
    {"policy-bit17",         13, VERDICT_REPORT_INVALID, policy_without_bit_17, {0}},
    {"policy-reserved",      13, VERDICT_REPORT_INVALID, policy_with_bit_26, {0}},
    {"policy-reserved",      13, VERDICT_REPORT_INVALID, policy_with_bit_63, {0}},
    {"key-info-reserved",    14, VERDICT_REPORT_INVALID, key_info_bit_5, {0}},
    {"signing-key-none",     15, VERDICT_REPORT_INVALID, signing_key_7, {0}},
    {"signing-key-reserved", 15, VERDICT_REPORT_INVALID, signing_key_2, {0}},
    {"signing-key-reserved", 15, VERDICT_REPORT_INVALID, signing_key_6, {0}},
    {"chip-key-masked",      16, VERDICT_REPORT_INVALID, chip_key_masked, {0}},
    {"reserved-04c",         17, VERDICT_REPORT_INVALID, byte_04f, V5},
    {"reserved-1eb",         17, VERDICT_REPORT_INVALID, byte_1eb, V5},
    {"reserved-1ef",         17, VERDICT_REPORT_INVALID, byte_1ef, V2},
    {"reserved-208",         17, VERDICT_REPORT_INVALID, byte_208, V5},
    {"reserved-208",         17, VERDICT_REPORT_INVALID, byte_29f, V4},
    {"reserved-188",         18, VERDICT_REPORT_INVALID, byte_188, V2},
    {"reserved-188",         18, VERDICT_REPORT_INVALID, byte_19f, V2},
    {"reserved-18b",         18, VERDICT_REPORT_INVALID, byte_18b, {0}},
    {"reserved-18b",         18, VERDICT_REPORT_INVALID, byte_19f, V5},
    {"reserved-1f8",         18, VERDICT_REPORT_INVALID, byte_1f8, V2},
    {"reserved-1f8",         18, VERDICT_REPORT_INVALID, byte_207, {0}},
    {"signature-r-high",     19, VERDICT_REPORT_INVALID, byte_2d0, {0}},
    {"signature-s-high",     19, VERDICT_REPORT_INVALID, byte_32f, {0}},
    {"signature-tail",       19, VERDICT_REPORT_INVALID, byte_330, {0}},
    {"signature-tail",       19, VERDICT_REPORT_INVALID, byte_49f, {0}},
    {"signature-range",      20, VERDICT_REPORT_INVALID, r_zero, {0}},
    {"signature-range",      20, VERDICT_REPORT_INVALID, s_is_the_order, {0}},
    {"signature-range",      20, VERDICT_REPORT_INVALID, s_above_the_order, {0}},
};
// clang-format on

static bool accepts(const struct specimen_kind *kind, void (*alter)(struct specimen *),
                    struct claims *out_claims)
{
    struct specimen *specimen = specimen_new(kind);
    struct verdict verdict;
    bool accepted = false;

    alter(specimen);
    accepted = specimen_verify(specimen, out_claims, &verdict);
    specimen_free(specimen);
    return accepted;
}

static void a_version_of_the_future_says_what_to_update(void **state)
{
    static const struct specimen_kind v5 = V5;
    static const struct {
        void (*alter)(struct specimen *);
        const char *wanted;
    } rows[] = {
        {version_1, "2 to 5"},
        {version_6, "2 to 5 (update liftgate for later ones)"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct specimen *specimen = specimen_new(&v5);
        struct claims claims;
        struct verdict verdict;

        rows[i].alter(specimen);
        assert_false(specimen_verify(specimen, &claims, &verdict));
        assert_string_equal(verdict.slug, "version-unsupported");
        assert_string_equal(verdict.expected, rows[i].wanted);
        specimen_free(specimen);
    }
}

static void fields_of_later_versions_may_be_filled(void **state)
{
    static const struct specimen_kind v4 = V4;
    static const struct specimen_kind v5 = V5;
    struct claims claims;

    assert_true(accepts(&v4, byte_1f8, &claims));
    assert_true(accepts(&v5, byte_1f8, &claims));
    assert_true(accepts(&v5, byte_207, &claims));
}

static void vmpl_3(struct specimen *specimen)
{
    set(specimen, REPORT_VMPL, 3);
}

/* Which of them may is the policy's business. */
static void every_level_of_the_guest_may_ask(void **state)
{
    static const struct specimen_kind kind = V5;
    struct claims claims;

    assert_true(accepts(&kind, vmpl_3, &claims));
    assert_int_equal(claims.vmpl, 3);
}

static void all_flags_of_the_guest(struct specimen *specimen)
{
    set(specimen, REPORT_POLICY, 0x30f0133);
}

/* Refusing a debug guest is the policy's business. */
static void debug_and_migration_are_claims_not_refusals(void **state)
{
    static const struct specimen_kind kind = V5;
    struct claims claims;

    assert_true(accepts(&kind, all_flags_of_the_guest, &claims));
    assert_true(claims.debug && claims.migration && claims.smt);
    assert_int_equal(claims.guest_policy, 0x30f0133);
}

/* n - s verifies as s does: the evidence is the same, whichever the hardware chose. */
static void mirror_s(struct specimen *specimen)
{
    unsigned borrow = 0;

    for (size_t i = 0; i < 48; i++) {
        unsigned minuend = i < 24 ? order_low[i] : 0xffU;
        unsigned subtrahend = specimen->report[0x2e8 + i] + borrow;

        borrow = minuend < subtrahend;
        specimen->report[0x2e8 + i] = (uint8_t)(minuend - subtrahend);
    }
}

static void the_mirrored_signature_is_the_same_evidence(void **state)
{
    static const struct specimen_kind kind = V5;
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;
    struct claims mirrored;
    struct verdict verdict;

    assert_true(specimen_verify(specimen, &claims, &verdict));
    mirror_s(specimen);
    assert_true(specimen_verify(specimen, &mirrored, &verdict));
    assert_memory_equal(claims.evidence_id, mirrored.evidence_id, sizeof(claims.evidence_id));
    specimen_free(specimen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_of_the_future_says_what_to_update),
        cmocka_unit_test(fields_of_later_versions_may_be_filled),
        cmocka_unit_test(every_level_of_the_guest_may_ask),
        cmocka_unit_test(debug_and_migration_are_claims_not_refusals),
        cmocka_unit_test(the_mirrored_signature_is_the_same_evidence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) +
           specimen_run("rows 10 to 20", cases, sizeof(cases) / sizeof(cases[0]), NULL);
}
