/*
 * Rows 42 to 54: the VEK's extensions, one broken at a time and signed anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/product.h"
#include "tests/lib/specimen.h"

static void set(struct specimen *specimen, enum report_field field, uint64_t value)
{
    specimen_set(specimen, field, value);
    specimen_sign_report(specimen);
}

static void model_of_venice(struct specimen *specimen)
{
    specimen_set(specimen, REPORT_CPUID_FAMILY, 0x1a);
    set(specimen, REPORT_CPUID_MODEL, 0x50);
}

static void model_of_genoa(struct specimen *specimen)
{
    set(specimen, REPORT_CPUID_MODEL, 0x11);
}

static void no_struct_version(struct specimen *specimen)
{
    specimen_set_amd(specimen, "1", NULL, 0);
}

static void struct_version_1(struct specimen *specimen)
{
    specimen_set_amd(specimen, "1", "\x02\x01\x01", 3);
}

static void struct_version_text(struct specimen *specimen)
{
    specimen_set_amd(specimen, "1", "\x16\x01\x00", 3);
}

static void no_product_name(struct specimen *specimen)
{
    specimen_set_amd(specimen, "2", NULL, 0);
}

static void product_name_genoa(struct specimen *specimen)
{
    specimen_set_amd(specimen, "2", "\x16\x05Genoa", 7);
}

static void product_name_utf8(struct specimen *specimen)
{
    specimen_set_amd(specimen, "2", "\x0c\x05Milan", 7);
}

static void product_name_with_small_stepping(struct specimen *specimen)
{
    specimen_set_amd(specimen, "2", "\x16\x08Milan-b0", 10);
}

static void spl_octets(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.1", "\x04\x01\x04", 3);
}

static void spl_long(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.1", "\x02\x02\x00\x04", 4);
}

static void spl_256(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.1", "\x02\x02\x01\x04", 4);
}

static void spl_negative(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.8", "\x02\x01\xdb", 3);
}

static void spl_with_tail(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.1", "\x02\x01\x04\x00", 4);
}

static void no_spl(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.3", NULL, 0);
}

static void spl_fmc_in_layout_0(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.9", "\x02\x01\x00", 3);
}

static void spl4_in_layout_1(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.4", "\x02\x01\x00", 3);
}

static void spl_of_a_longer_oid(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.8.1", "\x02\x01\x00", 3);
}

static void no_hwid(struct specimen *specimen)
{
    specimen_set_amd(specimen, "4", NULL, 0);
}

static void hwid_as_octet_string(struct specimen *specimen)
{
    uint8_t content[66] = {0x04, 0x40};

    memset(content + 2, 0xc1, 64);
    specimen_set_amd(specimen, "4", content, sizeof(content));
}

static void hwid_of_the_other_layout(struct specimen *specimen)
{
    specimen_set_amd(specimen, "4", "\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1", 8);
}

static void no_csp(struct specimen *specimen)
{
    specimen_set_amd(specimen, "5", NULL, 0);
}

static void empty_csp(struct specimen *specimen)
{
    specimen_set_amd(specimen, "5", "\x16\x00", 2);
}

static void csp_of_256(struct specimen *specimen)
{
    uint8_t content[260] = {0x16, 0x82, 0x01, 0x00};

    memset(content + 4, 'x', 256);
    specimen_set_amd(specimen, "5", content, sizeof(content));
}

static void csp_in_a_vcek(struct specimen *specimen)
{
    specimen_set_amd(specimen, "5", "\x16\x02xy", 4);
}

static void nothing_of_amd(struct specimen *specimen)
{
    static const char *const arcs[] = {"1",   "2",   "3.1", "3.2", "3.3", "3.4",
                                       "3.5", "3.6", "3.7", "3.8", "4"};

    for (size_t i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++) {
        specimen_set_amd(specimen, arcs[i], NULL, 0);
    }
}

static void vlek_expected(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, SIGNING_KEY_VLEK << 2);
}

static void vcek_expected(struct specimen *specimen)
{
    set(specimen, REPORT_KEY_INFO, 0);
}

static void snp_in_the_report_higher(struct specimen *specimen)
{
    specimen->report[0x180 + 6]++;
    specimen_sign_report(specimen);
}

static void snp_in_the_report_higher_turin(struct specimen *specimen)
{
    specimen->report[0x180 + 3]++;
    specimen_sign_report(specimen);
}

static void reserved_byte_of_reported_tcb(struct specimen *specimen)
{
    specimen->report[0x180 + 2] = 1;
    specimen_sign_report(specimen);
}

static void reserved_byte_of_the_vek(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.6", "\x02\x01\x01", 3); /* byte 4 */
}

static void other_chip(struct specimen *specimen)
{
    specimen->report[0x1a0 + 63] ^= 1;
    specimen_sign_report(specimen);
}

static void other_chip_turin(struct specimen *specimen)
{
    specimen->report[0x1a0 + 7] ^= 1;
    specimen_sign_report(specimen);
}

static void chip_tail(struct specimen *specimen)
{
    specimen->report[0x1a0 + 8] = 1;
    specimen_sign_report(specimen);
}

static void reserved_byte_of_current_tcb(struct specimen *specimen)
{
    specimen->report[0x038 + 5] = 1;
    specimen_sign_report(specimen);
}

static void reserved_byte_of_committed_tcb(struct specimen *specimen)
{
    specimen->report[0x1e0 + 2] = 1;
    specimen_sign_report(specimen);
}

static void reserved_byte_of_launch_tcb(struct specimen *specimen)
{
    specimen->report[0x1f0 + 6] = 1;
    specimen_sign_report(specimen);
}

static void reserved_byte_of_report_and_vek(struct specimen *specimen)
{
    specimen_set_amd(specimen, "3.4", "\x02\x01\x01", 3);
    reserved_byte_of_reported_tcb(specimen);
}

#define TURIN                                                                                      \
    {                                                                                              \
        "Turin", 5, NULL                                                                           \
    }
#define VLEK                                                                                       \
    {                                                                                              \
        "Milan", 3, "CN=cc-us-east-2.example"                                                      \
    }

// clang-format off
static const struct specimen_case cases[] = {
    {"product-unknown",     42, VERDICT_PLATFORM_UNSUPPORTED, model_of_venice, {0}},
    {"product-mismatch",    43, VERDICT_CHAIN_INVALID, model_of_genoa, {0}},
    {"vek-struct-version",  44, VERDICT_CHAIN_INVALID, no_struct_version, {0}},
    {"vek-struct-version",  44, VERDICT_CHAIN_INVALID, struct_version_1, {0}},
    {"vek-struct-version",  44, VERDICT_CHAIN_INVALID, struct_version_text, {0}},
    {"vek-struct-version",  44, VERDICT_CHAIN_INVALID, nothing_of_amd, {0}},
    {"vek-product-name",    45, VERDICT_CHAIN_INVALID, no_product_name, {0}},
    {"vek-product-name",    45, VERDICT_CHAIN_INVALID, product_name_genoa, {0}},
    {"vek-product-name",    45, VERDICT_CHAIN_INVALID, product_name_utf8, {0}},
    {"vek-product-name",    45, VERDICT_CHAIN_INVALID, product_name_with_small_stepping, {0}},
    {"vek-spl-malformed",   46, VERDICT_CHAIN_INVALID, spl_octets, {0}},
    {"vek-spl-malformed",   46, VERDICT_CHAIN_INVALID, spl_long, {0}},
    {"vek-spl-malformed",   46, VERDICT_CHAIN_INVALID, spl_256, {0}},
    {"vek-spl-malformed",   46, VERDICT_CHAIN_INVALID, spl_negative, {0}},
    {"vek-spl-malformed",   46, VERDICT_CHAIN_INVALID, spl_with_tail, {0}},
    {"vek-spl-missing",     47, VERDICT_CHAIN_INVALID, no_spl, {0}},
    {"vek-spl-unexpected",  47, VERDICT_CHAIN_INVALID, spl_fmc_in_layout_0, {0}},
    {"vek-spl-unexpected",  47, VERDICT_CHAIN_INVALID, spl4_in_layout_1, TURIN},
    {"vek-spl-unexpected",  47, VERDICT_CHAIN_INVALID, spl_of_a_longer_oid, {0}},
    {"vek-hwid-missing",    48, VERDICT_CHAIN_INVALID, no_hwid, {0}},
    {"vek-hwid-length",     48, VERDICT_CHAIN_INVALID, hwid_as_octet_string, {0}},
    {"vek-hwid-length",     48, VERDICT_CHAIN_INVALID, hwid_of_the_other_layout, {0}},
    {"vek-csp-missing",     49, VERDICT_CHAIN_INVALID, no_csp, VLEK},
    {"vek-csp-missing",     49, VERDICT_CHAIN_INVALID, empty_csp, VLEK},
    {"vek-csp-missing",     49, VERDICT_CHAIN_INVALID, csp_of_256, VLEK},
    {"vek-id-conflict",     49, VERDICT_CHAIN_INVALID, csp_in_a_vcek, {0}},
    {"vek-kind-mismatch",   50, VERDICT_CHAIN_INVALID, vlek_expected, {0}},
    {"vek-kind-mismatch",   50, VERDICT_CHAIN_INVALID, vcek_expected, VLEK},
    {"vek-tcb-mismatch",    51, VERDICT_CHAIN_INVALID, snp_in_the_report_higher, {0}},
    {"vek-tcb-mismatch",    51, VERDICT_CHAIN_INVALID, snp_in_the_report_higher_turin, TURIN},
    {"vek-tcb-mismatch",    51, VERDICT_CHAIN_INVALID, reserved_byte_of_reported_tcb, {0}},
    {"vek-tcb-mismatch",    51, VERDICT_CHAIN_INVALID, reserved_byte_of_the_vek, {0}},
    {"vek-chip-mismatch",   52, VERDICT_CHAIN_INVALID, other_chip, {0}},
    {"vek-chip-mismatch",   52, VERDICT_CHAIN_INVALID, other_chip_turin, TURIN},
    {"chip-id-tail",        53, VERDICT_REPORT_INVALID, chip_tail, TURIN},
    {"tcb-reserved",        54, VERDICT_REPORT_INVALID, reserved_byte_of_current_tcb, {0}},
    {"tcb-reserved",        54, VERDICT_REPORT_INVALID, reserved_byte_of_committed_tcb, {0}},
    {"tcb-reserved",        54, VERDICT_REPORT_INVALID, reserved_byte_of_launch_tcb, TURIN},
    {"tcb-reserved",        54, VERDICT_REPORT_INVALID, reserved_byte_of_report_and_vek, {0}},
};
// clang-format on

static void check_accepted(struct specimen *specimen, struct claims *out_claims)
{
    struct verdict verdict;

    if (!specimen_verify(specimen, out_claims, &verdict)) {
        fail_msg("row %d: %s: %s / %s", verdict.row, verdict.slug, verdict.expected,
                 verdict.actual);
    }
}

static void a_masked_chip_id_is_not_compared(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;

    memset(specimen->report + 0x1a0, 0, 64);
    specimen_sign_report(specimen);
    check_accepted(specimen, &claims);
    assert_false(claims.chip_known);
    for (size_t i = 0; i < sizeof(claims.vek_chip); i++) {
        assert_int_equal(claims.vek_chip[i], 0xc1); /* the certificate still says which it is */
    }
    specimen_free(specimen);
}

/* A raw hwID may begin like a DER string. */
static void a_raw_hwid_that_looks_like_der_is_accepted(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;

    specimen->report[0x1a0] = 0x04;
    specimen->report[0x1a1] = 0x3e;
    specimen_sign_report(specimen);
    specimen_set_amd(specimen, "4", specimen->report + 0x1a0, 64);
    check_accepted(specimen, &claims);
    specimen_free(specimen);
}

static void siena_bergamo_and_steppings_are_known(void **state)
{
    static const struct specimen_kind kind = {"Genoa", 5, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;

    set(specimen, REPORT_CPUID_MODEL, 0xa0);
    specimen_set_amd(specimen, "2", "\x16\x08Genoa-B1", 10);
    check_accepted(specimen, &claims);
    assert_int_equal(claims.product, PRODUCT_GENOA);
    specimen_free(specimen);
}

/* Version 2 says nothing of the processor: the anchor decides. */
static void version_2_takes_the_product_of_its_anchor(void **state)
{
    static const struct specimen_kind kind = {"Genoa", 2, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;

    check_accepted(specimen, &claims);
    assert_int_equal(claims.product, PRODUCT_GENOA);
    specimen_free(specimen);
}

static void a_provider_has_1_to_255_letters(void **state)
{
    static const struct specimen_kind kind = VLEK;
    struct specimen *specimen = specimen_new(&kind);
    uint8_t content[258] = {0x16, 0x81, 0xff};
    struct claims claims;

    memset(content + 3, 'x', 255);
    specimen_set_amd(specimen, "5", content, sizeof(content));
    check_accepted(specimen, &claims);
    assert_int_equal(strlen(claims.csp), 255);
    specimen_set_amd(specimen, "5", "\x16\x01y", 3);
    check_accepted(specimen, &claims);
    assert_string_equal(claims.csp, "y");
    specimen_free(specimen);
}

static void a_vlek_names_no_chip(void **state)
{
    static const struct specimen_kind kind = VLEK;
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;

    check_accepted(specimen, &claims);
    assert_false(claims.chip_known);
    specimen->report[0x1a0] = 1; /* nothing in its certificate vouches for it */
    specimen_sign_report(specimen);
    check_accepted(specimen, &claims);
    assert_false(claims.chip_known);
    specimen_free(specimen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_masked_chip_id_is_not_compared),
        cmocka_unit_test(a_raw_hwid_that_looks_like_der_is_accepted),
        cmocka_unit_test(siena_bergamo_and_steppings_are_known),
        cmocka_unit_test(version_2_takes_the_product_of_its_anchor),
        cmocka_unit_test(a_provider_has_1_to_255_letters),
        cmocka_unit_test(a_vlek_names_no_chip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) +
           specimen_run("rows 42 to 54", cases, sizeof(cases) / sizeof(cases[0]), NULL);
}
