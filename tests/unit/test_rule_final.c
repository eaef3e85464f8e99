/*
 * Rows 64 to 66: keys known to be revoked, signature and binding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/cert.h"
#include "attest/product.h"
#include "tests/lib/specimen.h"

/* The list's look-up, through the linker: no key of ours can have a hash that is on it. */
bool __real_product_intermediate_revoked(const uint8_t spki_sha256[static 32]);
bool __wrap_product_intermediate_revoked(const uint8_t spki_sha256[static 32]);

static uint8_t also_listed[32];

bool __wrap_product_intermediate_revoked(const uint8_t spki_sha256[static 32])
{
    return memcmp(spki_sha256, also_listed, sizeof(also_listed)) == 0 ||
           __real_product_intermediate_revoked(spki_sha256);
}

static void list_the_intermediate(struct specimen *specimen)
{
    struct buf none = buf_over(NULL, 0);
    struct cert ask;

    assert_int_equal(cert_read((struct bytes){specimen->ask.data, specimen->ask.len}, &none, &ask),
                     CERT_OK);
    assert_true(cert_spki_sha256(&ask, also_listed));
}

static void list_it_no_more(struct specimen *specimen)
{
    memset(also_listed, 0, sizeof(also_listed));
}

static void measurement_altered(struct specimen *specimen)
{
    specimen->report[0x090] ^= 1;
}

static void signature_altered(struct specimen *specimen)
{
    specimen->report[0x2a0] ^= 1;
}

static void report_data_last_byte(struct specimen *specimen)
{
    specimen->report_data[63] ^= 1;
}

static void report_data_first_byte(struct specimen *specimen)
{
    specimen->report_data[0] ^= 1;
}

// clang-format off
static const struct specimen_case cases[] = {
    {"report-signature", 65, VERDICT_SIGNATURE_INVALID, measurement_altered, {0}},
    {"report-signature", 65, VERDICT_SIGNATURE_INVALID, signature_altered, {0}},
    {"report-data",      66, VERDICT_BINDING_MISMATCH, report_data_last_byte, {0}},
    {"report-data",      66, VERDICT_BINDING_MISMATCH, report_data_first_byte, {0}},
};

static const struct specimen_case list_cases[] = {
    {"intermediate-known-revoked", 64, VERDICT_REVOKED, list_the_intermediate, {0}},
};
// clang-format on

static void the_simulated_root_needs_no_crl(void **state)
{
    static const struct specimen_kind kind = {"Sim", 5, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;
    struct verdict verdict;

    specimen->options.vendor_crl = VENDOR_CRL_REQUIRE;
    assert_true(specimen_verify(specimen, &claims, &verdict));
    assert_int_equal(claims.tee, TEE_SIM);
    assert_int_equal(verdict.code, VERDICT_ACCEPTED);
    assert_null(verdict.slug);
    specimen_free(specimen);
}

static void without_an_expected_value_the_binding_is_skipped(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct claims claims;
    struct verdict verdict;

    specimen->report_data[0] ^= 1;
    specimen->options.report_data = NULL;
    assert_true(specimen_verify(specimen, &claims, &verdict));
    specimen_free(specimen);
}

/* SEV-Genoa with serial 0x20001. */
static void the_revoked_intermediate_is_built_in(void **state)
{
    uint8_t hash[32] = {0x0d, 0xee, 0x0c, 0x84, 0x6c, 0x77, 0x00, 0x0f, 0xf3, 0x9d, 0x65,
                        0xb9, 0xd5, 0x1d, 0x8b, 0x31, 0x18, 0x94, 0x26, 0xd6, 0xf2, 0xf5,
                        0x08, 0x58, 0xfb, 0x23, 0xb3, 0x97, 0x18, 0xdd, 0x9c, 0x30};

    assert_true(product_intermediate_revoked(hash));
    hash[31] ^= 1;
    assert_false(product_intermediate_revoked(hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulated_root_needs_no_crl),
        cmocka_unit_test(without_an_expected_value_the_binding_is_skipped),
        cmocka_unit_test(the_revoked_intermediate_is_built_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) +
           specimen_run("row 64", list_cases, 1, list_it_no_more) +
           specimen_run("rows 65 and 66", cases, sizeof(cases) / sizeof(cases[0]), NULL);
}
