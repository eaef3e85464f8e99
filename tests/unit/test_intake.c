/*
 * Intake: each form is told from the others by its content, and a report in any form is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "attest/bundle.h"
#include "attest/intake.h"
#include "attest/report.h"
#include "attest/tsm.h"
#include "common/err.h"
#include "common/est.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static uint8_t storage[INTAKE_STORAGE_LEN];
static uint8_t encoded[INTAKE_STORAGE_LEN];
static uint8_t report[REPORT_LEN] = {5};

static bool open_bytes(struct bytes input, struct intake *out_intake, struct verdict *out_verdict)
{
    struct buf room = buf_over(storage, sizeof(storage));

    return intake_open(input, &room, out_intake, out_verdict);
}

static void check_report(struct bytes input, enum intake_kind kind)
{
    struct intake intake;
    struct verdict verdict;

    assert_true(open_bytes(input, &intake, &verdict));
    assert_int_equal(intake.kind, kind);
    assert_true(intake.has_evidence);
    assert_int_equal(intake.evidence.outblob.len, REPORT_LEN);
    assert_memory_equal(intake.evidence.outblob.data, report, REPORT_LEN);
}

static void a_report_is_found_in_every_form(void **state)
{
    const struct bytes raw = {report, REPORT_LEN};
    const struct evidence evidence = {.provider = TEXT("sev_guest"), .outblob = raw};
    struct buf out = buf_over(encoded, sizeof(encoded));
    struct err err;

    check_report(raw, INTAKE_REPORT);
    for (size_t i = 0; i < REPORT_LEN; i++) {
        assert_true(buf_printf(&out, "%02X%s", report[i], i % 32 == 31 ? "\n" : " "));
    }
    check_report((struct bytes){out.data, out.len}, INTAKE_REPORT);
    out.len = 0;
    assert_true(est_base64_put(&out, raw, 64));
    check_report((struct bytes){out.data, out.len}, INTAKE_REPORT);
    out.len = 0;
    assert_int_equal(tsm_encode(&evidence, &out, &err), 0);
    check_report((struct bytes){out.data, out.len}, INTAKE_TSM);
    out.len = 0;
    assert_int_equal(bundle_encode(&evidence, &out, &err), 0);
    check_report((struct bytes){out.data, out.len}, INTAKE_BUNDLE);
    out.len = 0;
    assert_true(buf_printf(&out, " {\"provider\": \"sim\", \"outblob\": \""));
    assert_true(est_base64url_put(&out, raw));
    assert_true(buf_printf(&out, "\"}\n"));
    check_report((struct bytes){out.data, out.len}, INTAKE_TSM);
}

static void what_stands_behind_a_report_is_its_table(void **state)
{
    uint8_t extended[REPORT_LEN + 24] = {0};
    struct intake intake;
    struct verdict verdict;

    memcpy(extended, report, sizeof(report));
    check_report((struct bytes){extended, sizeof(extended)}, INTAKE_EXTENDED);
    assert_true(open_bytes((struct bytes){extended, sizeof(extended)}, &intake, &verdict));
    assert_int_equal(intake.evidence.auxblob.len, 24);
}

static void the_provider_of_a_bare_report_follows_its_processor(void **state)
{
    static const struct {
        uint8_t version;
        uint8_t family;
        const char *provider;
    } rows[] = {{2, 0, "sev_guest"}, {3, 0, "sim"}, {5, 0, "sim"}, {5, 0x19, "sev_guest"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[REPORT_LEN] = {rows[i].version};
        struct intake intake;
        struct verdict verdict;

        bytes[report_field_info(REPORT_CPUID_FAMILY)->offset] = rows[i].family;
        assert_true(open_bytes((struct bytes){bytes, sizeof(bytes)}, &intake, &verdict));
        assert_int_equal(intake.evidence.provider.len, strlen(rows[i].provider));
        assert_memory_equal(intake.evidence.provider.data, rows[i].provider,
                            strlen(rows[i].provider));
    }
}

static void what_is_nothing_else_is_left_to_the_judge_of_reports(void **state)
{
    static const struct bytes rows[] = {TEXT(""), TEXT("?"), TEXT("\x02\x00\x00\x00"),
                                        TEXT("hello, world"), TEXT("\x80\x80")};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct intake intake;
        struct verdict verdict;

        assert_true(open_bytes(rows[i], &intake, &verdict));
        assert_int_equal(intake.kind, INTAKE_REPORT);
        assert_int_equal(intake.evidence.outblob.len, rows[i].len);
    }
}

static void malformed_structures_are_refused_with_their_reason(void **state)
{
    static const struct {
        struct bytes input;
        enum verdict_code code;
        const char *slug;
    } rows[] = {
        {TEXT("{"), VERDICT_ENVELOPE_INVALID, "tsm-malformed"},
        {TEXT("\xa0"), VERDICT_ENVELOPE_INVALID, "tsm-missing-key"},
        {TEXT("\xbf\xff"), VERDICT_ENVELOPE_INVALID, "tsm-malformed"},
        {TEXT("\x30\x82\x00\x01"), VERDICT_ENVELOPE_INVALID, "not-recognised"},
        {TEXT("-----BEGIN CERTIFICATE-----\n"), VERDICT_ENVELOPE_INVALID, "pem-malformed"},
        {TEXT("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"),
         VERDICT_ENVELOPE_INVALID, "pem-malformed"},
        {TEXT("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
         VERDICT_ENVELOPE_INVALID, "not-recognised"},
        /* A CSR without attributes: SEQUENCE { SEQUENCE { 0, Name, SEQUENCE } } */
        {TEXT("-----BEGIN CERTIFICATE REQUEST-----\nMAkwBwIBADAAMAA=\n"
              "-----END CERTIFICATE REQUEST-----\n"),
         VERDICT_CSR_INVALID, "csr-malformed"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct intake intake = {.num_documents = 4711};
        struct verdict verdict = {0};

        if (open_bytes(rows[i].input, &intake, &verdict)) {
            fail_msg("row %zu taken, not %s", i, rows[i].slug);
        }
        assert_string_equal(verdict.slug, rows[i].slug);
        assert_int_equal(verdict.code, rows[i].code);
        assert_int_equal(intake.num_documents, 4711);
    }
}

/* Appends one PEM block. */
static void put_block(struct buf *out, const char *label, const void *der, size_t len)
{
    assert_true(buf_printf(out, "-----BEGIN %s-----\n", label));
    assert_true(est_base64_put(out, (struct bytes){der, len}, 64));
    assert_true(buf_printf(out, "-----END %s-----\n", label));
}

static void only_certificates_stand_together_in_pem(void **state)
{
    /* What intake looks at to tell them apart, and no more. */
    static const uint8_t certificate[] = {0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x01};
    static const uint8_t csr[] = {0x30, 0x0d, 0x30, 0x0b, 0x02, 0x01, 0x00, 0x30,
                                  0x00, 0x30, 0x00, 0xa0, 0x02, 0x30, 0x00};
    static uint8_t bundle[8192];
    struct buf bundle_room = buf_over(bundle, sizeof(bundle));
    const struct evidence evidence = {.provider = TEXT("sim"), .outblob = {report, REPORT_LEN}};
    struct bytes documents[3] = {{certificate, sizeof(certificate)}, {csr, sizeof(csr)}, {0}};
    struct err err;

    assert_int_equal(bundle_encode(&evidence, &bundle_room, &err), 0);
    documents[2] = (struct bytes){bundle, bundle_room.len};
    for (size_t i = 0; i < 9; i++) {
        struct buf out = buf_over(encoded, sizeof(encoded));
        struct intake intake;
        struct verdict verdict = {0};

        put_block(&out, "A", documents[i % 3].data, documents[i % 3].len);
        assert_true(open_bytes((struct bytes){out.data, out.len}, &intake, &verdict));
        put_block(&out, "B", documents[i / 3].data, documents[i / 3].len);
        if (open_bytes((struct bytes){out.data, out.len}, &intake, &verdict) != (i == 0)) {
            fail_msg("%zu and %zu together", i % 3, i / 3);
        }
        if (i != 0) {
            assert_string_equal(verdict.slug, "pem-mixed");
        }
    }
}

static void check_document(struct bytes input, enum intake_kind kind)
{
    struct intake intake;
    struct verdict verdict;

    assert_true(open_bytes(input, &intake, &verdict));
    assert_int_equal(intake.kind, kind);
    assert_false(intake.has_evidence);
    assert_int_equal(intake.num_documents, 1);
    assert_int_equal(intake.documents[0].len, input.len);
}

/* A v2 revocation list and a v1 certificate with serial number 1 differ in their fourth field. */
static void a_revocation_list_is_told_from_a_certificate(void **state)
{
    static const struct {
        uint8_t tag;
        enum intake_kind kind;
    } rows[] = {{0x17, INTAKE_CRL}, {0x18, INTAKE_CRL}, {0x30, INTAKE_CERTIFICATES}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t input[3 + 140] = {0x30, 0x81,        140, 0x30, 14, 2, 1, 1, 0x30, 0,  0x30,
                                  0,    rows[i].tag, 5,   0,    0,  0, 0, 0, 4,    122};

        check_document((struct bytes){input, sizeof(input)}, rows[i].kind);
    }
}

static void a_certificate_table_is_told_by_its_first_entry(void **state)
{
    static const struct bytes rows[] = {
        TEXT("\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"
             "12345678"),
        TEXT("\xa8\x07\x4b\xc2\xa2\x5a\x48\x3e\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1"
             "12345678"), /* would be a CBOR map */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_document(rows[i], INTAKE_TABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_found_in_every_form),
        cmocka_unit_test(what_stands_behind_a_report_is_its_table),
        cmocka_unit_test(the_provider_of_a_bare_report_follows_its_processor),
        cmocka_unit_test(what_is_nothing_else_is_left_to_the_judge_of_reports),
        cmocka_unit_test(only_certificates_stand_together_in_pem),
        cmocka_unit_test(malformed_structures_are_refused_with_their_reason),
        cmocka_unit_test(a_revocation_list_is_told_from_a_certificate),
        cmocka_unit_test(a_certificate_table_is_told_by_its_first_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
