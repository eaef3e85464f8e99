/*
 * Vendor: which refusals are for want of what, and what that is known by.
 */
#include "ca/vendor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/report.h"

#define TEXT(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

/* A report that names chip 0xab... and, from version 3 on, a Genoa. */
struct sample {
    uint8_t report[REPORT_LEN];
    struct evidence evidence;
};

static void set(struct sample *s, enum report_field field, uint8_t value)
{
    s->report[report_field_info(field)->offset] = value;
}

static void sample_init(struct sample *s, uint8_t version)
{
    *s = (struct sample){.evidence = {.provider = TEXT("sev_guest")}};
    s->evidence.outblob = (struct bytes){s->report, sizeof(s->report)};
    set(s, REPORT_VERSION, version);
    set(s, REPORT_CHIP_ID, 0xab);
    set(s, REPORT_REPORTED_TCB, 4);
    set(s, REPORT_CURRENT_TCB, 9);
    if (version >= 3) {
        set(s, REPORT_CPUID_FAMILY, 0x19);
        set(s, REPORT_CPUID_MODEL, 0x11);
    }
}

static struct verdict refused(int row, const char *slug)
{
    struct verdict verdict = {0};

    verdict_refuse(&verdict, VERDICT_CHAIN_INVALID, row, slug);
    return verdict;
}

static void the_slug_and_row_say_what_is_wanted(void **state)
{
    static const struct {
        int row;
        const char *slug;
        size_t num;
        enum vendor_kind first;
    } rows[] = {
        {20, "x", 0, VENDOR_VCEK},
        {21, "vek-missing", 1, VENDOR_VCEK},
        {21, "ask-missing", 2, VENDOR_CHAIN},
        {21, "ark-missing", 2, VENDOR_CHAIN},
        {51, "vek-tcb-mismatch", 1, VENDOR_VCEK},
        {54, "x", 1, VENDOR_VCEK},
        {55, "crl-missing", 1, VENDOR_CRL},
        {62, "crl-rollback", 1, VENDOR_CRL},
        {63, "intermediate-revoked", 0, VENDOR_CRL},
        {65, "signature-invalid", 0, VENDOR_VCEK},
        {0, "out-of-memory", 0, VENDOR_VCEK},
    };
    struct sample s;
    struct vendor_key keys[VENDOR_KEYS_MAX];

    sample_init(&s, 5);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verdict verdict = refused(rows[i].row, rows[i].slug);

        assert_int_equal(vendor_wanted(&s.evidence, &verdict, keys), rows[i].num);
        if (rows[i].num > 0) {
            assert_int_equal(keys[0].kind, rows[i].first);
            assert_int_equal(keys[0].product, PRODUCT_GENOA);
        }
    }
}

static void a_certificate_is_known_by_chip_and_reported_tcb(void **state)
{
    struct verdict verdict = refused(21, "vek-missing");
    struct vendor_key keys[VENDOR_KEYS_MAX];
    struct vendor_key other;
    struct sample s;

    sample_init(&s, 5);
    assert_int_equal(vendor_wanted(&s.evidence, &verdict, keys), 1);
    assert_int_equal(keys[0].chip[0], 0xab);
    assert_int_equal(keys[0].tcb[0], 4); /* never the current one */
    other = keys[0];
    assert_true(vendor_key_same(&keys[0], &other));
    other.tcb[7] ^= 1;
    assert_false(vendor_key_same(&keys[0], &other));
    other = keys[0];
    other.chip[63] ^= 1;
    assert_false(vendor_key_same(&keys[0], &other));
}

static void version_2_does_not_tell_the_product(void **state)
{
    struct verdict verdict = refused(21, "vek-missing");
    struct vendor_key keys[VENDOR_KEYS_MAX];
    struct sample s;

    sample_init(&s, 2);
    assert_int_equal(vendor_wanted(&s.evidence, &verdict, keys), 2);
    assert_int_equal(keys[0].product, PRODUCT_MILAN);
    assert_int_equal(keys[1].product, PRODUCT_GENOA);
    verdict = refused(21, "ask-missing");
    assert_int_equal(vendor_wanted(&s.evidence, &verdict, keys), VENDOR_KEYS_MAX);
}

static void masked_chips_and_providers_keys_cannot_be_asked_for(void **state)
{
    struct verdict missing = refused(21, "vek-missing");
    struct verdict ask_missing = refused(21, "ask-missing");
    struct vendor_key keys[VENDOR_KEYS_MAX];
    struct sample s;

    sample_init(&s, 5);
    set(&s, REPORT_CHIP_ID, 0);
    assert_int_equal(vendor_wanted(&s.evidence, &missing, keys), 0);
    sample_init(&s, 5);
    set(&s, REPORT_KEY_INFO, SIGNING_KEY_VLEK << 2);
    assert_int_equal(vendor_wanted(&s.evidence, &missing, keys), 0);
    assert_int_equal(vendor_wanted(&s.evidence, &ask_missing, keys), 1);
    assert_true(keys[0].vlek);
    sample_init(&s, 5);
    set(&s, REPORT_CPUID_FAMILY, 0x50);
    assert_int_equal(vendor_wanted(&s.evidence, &missing, keys), 0);
}

static void the_simulator_and_the_vendor_are_never_mixed(void **state)
{
    struct verdict missing = refused(21, "vek-missing");
    struct vendor_key keys[VENDOR_KEYS_MAX];
    struct sample s;

    sample_init(&s, 5);
    s.evidence.provider = TEXT("sim");
    assert_int_equal(vendor_wanted(&s.evidence, &missing, keys), 1);
    assert_int_equal(keys[0].product, PRODUCT_SIM);
    sample_init(&s, 5);
    set(&s, REPORT_CPUID_FAMILY, 0);
    set(&s, REPORT_CPUID_MODEL, 0);
    assert_int_equal(vendor_wanted(&s.evidence, &missing, keys), 0);
}

static void a_chain_is_handed_over_as_two_certificates(void **state)
{
    static const uint8_t chain[] = {0x30, 0x01, 0xaa, 0x30, 0x01, 0xbb};
    static const uint8_t odd[] = {0x31, 0x01, 0xaa};
    struct vendor_item item = {{.kind = VENDOR_CHAIN}, {chain, sizeof(chain)}};
    struct vendor_set set;

    vendor_set_init(&set, &(struct collateral){0});
    assert_true(vendor_set_add(&set, &item));
    assert_int_equal(set.view.num_certs, 2);
    assert_true(bytes_same(set.view.certs[0], (struct bytes){chain, 3}));
    assert_true(bytes_same(set.view.certs[1], (struct bytes){chain + 3, 3}));
    item.data = (struct bytes){odd, sizeof(odd)};
    assert_true(vendor_set_add(&set, &item));
    assert_int_equal(set.view.num_certs, 3);
    item.data = (struct bytes){NULL, 0};
    assert_true(vendor_set_add(&set, &item));
    assert_int_equal(set.view.num_certs, 3);
    item = (struct vendor_item){{.kind = VENDOR_CRL}, {chain, sizeof(chain)}};
    assert_true(vendor_set_add(&set, &item));
    assert_int_equal(set.view.num_crls, 1);
}

static void a_full_set_takes_nothing_more(void **state)
{
    static const uint8_t der[] = {0x30, 0x01, 0xaa};
    struct vendor_item item = {{.kind = VENDOR_VCEK}, {der, sizeof(der)}};
    struct vendor_set set;

    vendor_set_init(&set, &(struct collateral){0});
    for (unsigned i = 0; i < COLLATERAL_CERTS_MAX; i++) {
        assert_true(vendor_set_add(&set, &item));
    }
    assert_false(vendor_set_add(&set, &item));
    item.key.kind = VENDOR_CRL;
    for (unsigned i = 0; i < COLLATERAL_CRLS_MAX; i++) {
        assert_true(vendor_set_add(&set, &item));
    }
    assert_false(vendor_set_add(&set, &item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slug_and_row_say_what_is_wanted),
        cmocka_unit_test(a_certificate_is_known_by_chip_and_reported_tcb),
        cmocka_unit_test(version_2_does_not_tell_the_product),
        cmocka_unit_test(masked_chips_and_providers_keys_cannot_be_asked_for),
        cmocka_unit_test(the_simulator_and_the_vendor_are_never_mixed),
        cmocka_unit_test(a_chain_is_handed_over_as_two_certificates),
        cmocka_unit_test(a_full_set_takes_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
