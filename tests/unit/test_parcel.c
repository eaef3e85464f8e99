/*
 * Parcel: what fits is sent, what does not is left out, and what a CA must refuse stays here.
 */
#include "attest/parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "attest/little_endian.h"
#include "attest/table.h"
#include "common/err.h"
#include "tests/lib/specimen.h"

#define BODIES_MAX 4

/* Certificates of a specimen, or of another one, in the table. */
enum body { BODY_NONE, BODY_VEK, BODY_ASK, BODY_ARK, BODY_STALE, BODY_BAD };

static const struct specimen_cert *cert_of(enum body body, const struct specimen *specimen,
                                           const struct specimen *stale)
{
    static const struct specimen_cert bad = {.data = "no certificate", .len = 14};

    switch (body) {
    case BODY_VEK:
        return &specimen->vek;
    case BODY_ASK:
        return &specimen->ask;
    case BODY_ARK:
        return &specimen->ark;
    case BODY_STALE:
        return &stale->vek;
    case BODY_NONE:
    case BODY_BAD:
        break;
    }
    return &bad;
}

/* Slot names prove nothing, so any will do. */
static void put_table(struct specimen *specimen, const struct specimen *stale,
                      const enum body bodies[static BODIES_MAX])
{
    static const enum table_kind slots[BODIES_MAX] = {TABLE_VCEK, TABLE_ASK, TABLE_VLEK, TABLE_ARK};
    size_t num = 0;
    size_t offset = 0;

    while (num < BODIES_MAX && bodies[num] != BODY_NONE) {
        num++;
    }
    memset(specimen->aux, 0, sizeof(specimen->aux));
    offset = (num + 1) * TABLE_ENTRY_LEN;
    for (size_t i = 0; i < num; i++) {
        const struct specimen_cert *cert = cert_of(bodies[i], specimen, stale);
        uint8_t *entry = specimen->aux + i * TABLE_ENTRY_LEN;

        memcpy(entry, table_kind_guid(slots[i]), TABLE_GUID_LEN);
        little_endian_write(entry + TABLE_GUID_LEN, offset, 4);
        little_endian_write(entry + TABLE_GUID_LEN + 4, cert->len, 4);
        memcpy(specimen->aux + offset, cert->data, cert->len);
        offset += cert->len;
    }
    specimen->aux_len = num > 0 ? offset : 0;
}

static struct evidence evidence_of(const struct specimen *specimen)
{
    return (struct evidence){
        .provider = {(const uint8_t *)"sev_guest", 9},
        .outblob = {specimen->report, specimen->report_len},
        .auxblob = {specimen->aux_len > 0 ? specimen->aux : NULL, specimen->aux_len},
    };
}

static bool is_cert(struct bytes bytes, const struct specimen_cert *cert)
{
    return bytes.len == cert->len && memcmp(bytes.data, cert->data, cert->len) == 0;
}

static void certificates_that_fit_are_sent_and_others_are_left_out(void **state)
{
    static const struct {
        const char *what;
        enum body bodies[BODIES_MAX];
        size_t num_certs; /* the VEK, then the ASK */
        bool keeps_table;
    } rows[] = {
        {"both", {BODY_VEK, BODY_ASK}, 2, true},
        {"in another order", {BODY_ASK, BODY_VEK}, 2, true},
        {"the VEK alone", {BODY_VEK}, 1, true},
        {"the ASK alone", {BODY_ASK}, 0, true},
        {"no table", {BODY_NONE}, 0, false},
        {"a stale VEK", {BODY_STALE, BODY_ASK}, 0, false},
        {"a stale VEK before the one that fits", {BODY_STALE, BODY_ASK, BODY_VEK}, 2, false},
        {"a stale VEK after it", {BODY_VEK, BODY_ASK, BODY_STALE}, 2, false},
        {"one that cannot be read", {BODY_VEK, BODY_ASK, BODY_BAD}, 2, false},
        {"nothing that can be read", {BODY_BAD}, 0, false},
        {"a root that is not the vendor's", {BODY_VEK, BODY_ASK, BODY_ARK}, 1, false},
    };
    static const struct specimen_kind kinds[] = {
        {"Milan", 2, NULL}, {"Milan", 3, NULL}, {"Turin", 5, NULL}, {"Genoa", 4, "CN=cc-eu.csp"}};

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct specimen *specimen = specimen_new(&kinds[k]);
        struct specimen *stale = specimen_new(&kinds[k]);

        specimen_set_amd(stale, kinds[k].csp == NULL ? "4" : "3.8", "\x02\x01\x63", 3);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct evidence evidence;
            struct parcel *parcel = NULL;
            const struct evidence *sent = NULL;
            struct err err = {.msg = ""};

            put_table(specimen, stale, rows[i].bodies);
            evidence = evidence_of(specimen);
            parcel = parcel_new(&evidence, SPECIMEN_NOW, &err);
            if (parcel == NULL) {
                fail_msg("%s, %s: %s", kinds[k].product, rows[i].what, err.msg);
            }
            sent = parcel_evidence(parcel);
            if (sent->num_certs != rows[i].num_certs ||
                (sent->auxblob.data != NULL) != rows[i].keeps_table) {
                fail_msg("%s, %s: %zu certificates, %s", kinds[k].product, rows[i].what,
                         sent->num_certs, sent->auxblob.data != NULL ? "the table" : "no table");
            }
            assert_true(sent->num_certs < 1 || is_cert(sent->certs[0], &specimen->vek));
            assert_true(sent->num_certs < 2 || is_cert(sent->certs[1], &specimen->ask));
            assert_ptr_equal(sent->outblob.data, specimen->report);
            parcel_free(parcel);
        }
        specimen_free(stale);
        specimen_free(specimen);
    }
}

static void certificates_in_pem_are_sent_in_der(void **state)
{
    struct specimen *specimen = specimen_new(&(struct specimen_kind){"Milan", 3, NULL});
    struct specimen_cert der = specimen->vek;
    struct evidence evidence;
    struct parcel *parcel = NULL;
    struct err err = {.msg = ""};

    specimen_to_pem(&specimen->vek);
    put_table(specimen, NULL, (const enum body[BODIES_MAX]){BODY_VEK, BODY_ASK});
    evidence = evidence_of(specimen);
    parcel = parcel_new(&evidence, SPECIMEN_NOW, &err);
    assert_non_null(parcel);
    assert_int_equal(parcel_evidence(parcel)->num_certs, 2);
    assert_true(is_cert(parcel_evidence(parcel)->certs[0], &der));
    parcel_free(parcel);
    specimen_free(specimen);
}

static void an_expired_vek_is_left_out(void **state)
{
    const int64_t later = SPECIMEN_NOW + INT64_C(10) * 365 * 86400;
    struct specimen *specimen = specimen_new(&(struct specimen_kind){"Milan", 3, NULL});
    struct evidence evidence;
    struct parcel *parcel = NULL;
    struct err err = {.msg = ""};

    put_table(specimen, NULL, (const enum body[BODIES_MAX]){BODY_VEK, BODY_ASK});
    evidence = evidence_of(specimen);
    parcel = parcel_new(&evidence, later, &err);
    assert_non_null(parcel);
    assert_int_equal(parcel_evidence(parcel)->num_certs, 0);
    parcel_free(parcel);
    specimen_free(specimen);
}

static void short_report(struct specimen *specimen)
{
    specimen->report_len--;
}

static void version_6(struct specimen *specimen)
{
    specimen_set(specimen, REPORT_VERSION, 6);
}

static void of_the_host(struct specimen *specimen)
{
    specimen_set(specimen, REPORT_VMPL, UINT32_MAX);
}

static void no_signature(struct specimen *specimen)
{
    memset(specimen->report + REPORT_SIGNED_LEN, 0, REPORT_LEN - REPORT_SIGNED_LEN);
}

static void cut_table(struct specimen *specimen)
{
    specimen->aux_len--;
}

static void table_without_end(struct specimen *specimen)
{
    specimen->aux_len = TABLE_ENTRY_LEN;
}

static void too_long_table(struct specimen *specimen)
{
    specimen->aux_len = TABLE_LEN_MAX + 1;
}

static void what_a_ca_must_refuse_is_not_sent(void **state)
{
    static const struct {
        void (*spoil)(struct specimen *specimen);
        const char *said;
    } rows[] = {
        {short_report, "report-invalid: length: report length, want 1184, is 1183"},
        {version_6, "report-invalid: version-unsupported: "},
        {of_the_host, "report-invalid: host-requested: "},
        {no_signature, "report-invalid: signature-range: "},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct specimen *specimen = specimen_new(&(struct specimen_kind){"Milan", 3, NULL});
        struct evidence evidence;
        struct err err;

        put_table(specimen, NULL, (const enum body[BODIES_MAX]){BODY_VEK, BODY_ASK});
        rows[i].spoil(specimen);
        evidence = evidence_of(specimen);
        assert_null(parcel_new(&evidence, SPECIMEN_NOW, &err));
        assert_int_equal(err.code, ERR_INVALID);
        if (strstr(err.msg, rows[i].said) == NULL) {
            fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].said, err.msg);
        }
        specimen_free(specimen);
    }
    parcel_free(NULL);
}

/* The kernel cuts a long one, and the host may write what it likes. */
static void a_table_that_a_ca_must_refuse_is_left_out(void **state)
{
    void (*const spoil[])(struct specimen * specimen) = {cut_table, table_without_end,
                                                         too_long_table};

    for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
        struct specimen *specimen = specimen_new(&(struct specimen_kind){"Milan", 3, NULL});
        struct parcel *parcel = NULL;
        const struct evidence *sent = NULL;
        struct evidence evidence;
        struct err err;

        put_table(specimen, NULL, (const enum body[BODIES_MAX]){BODY_VEK, BODY_ASK});
        spoil[i](specimen);
        evidence = evidence_of(specimen);
        parcel = parcel_new(&evidence, SPECIMEN_NOW, &err);
        assert_non_null(parcel);
        sent = parcel_evidence(parcel);
        assert_null(sent->auxblob.data);
        assert_int_equal(sent->auxblob.len, 0);
        assert_int_equal(sent->num_certs, 0);
        assert_ptr_equal(sent->outblob.data, evidence.outblob.data);
        parcel_free(parcel);

        no_signature(specimen); /* then the report is no better than with a good table */
        assert_null(parcel_new(&evidence, SPECIMEN_NOW, &err));
        specimen_free(specimen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_that_fit_are_sent_and_others_are_left_out),
        cmocka_unit_test(certificates_in_pem_are_sent_in_der),
        cmocka_unit_test(an_expired_vek_is_left_out),
        cmocka_unit_test(what_a_ca_must_refuse_is_not_sent),
        cmocka_unit_test(a_table_that_a_ca_must_refuse_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
