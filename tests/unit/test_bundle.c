/*
 * Bundle: the vector of the enrolment protocol, and each layer broken in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "attest/bundle.h"
#include "common/err.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

#define OID "\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x23"
#define TYPE                                                                                       \
    "\x78\x28"                                                                                     \
    "application/vnd.veraison.tsm-report+cbor"
#define REPORT                                                                                     \
    "\xa2\x67"                                                                                     \
    "outblob\x41"                                                                                  \
    "o\x68"                                                                                        \
    "provider\x63"                                                                                 \
    "sim"                                        /* 24 bytes */
#define CMW "\x83" TYPE "\x58\x18" REPORT "\x04" /* 70 bytes */
#define STATEMENT "\x30\x52" OID "\x04\x46" CMW  /* 84 bytes */
#define BUNDLE "\x30\x56\x30\x54" STATEMENT      /* 88 bytes */
#define CERT "\x30\x01\x00"

static void the_smallest_case_has_the_bytes_of_the_vector(void **state)
{
    static const uint8_t report[1184] = {2};
    /* Behind the head of the attribute, its OID and the head of the set. */
    static const char start[] = "\x30\x82\x05\x04\x30\x82\x05\x00\x30\x82\x04\xfc" OID
                                "\x04\x82\x04\xee\x83" TYPE "\x59\x04\xbf";
    const struct evidence evidence = {.provider = TEXT("sev_guest"), .outblob = {report, 1184}};
    static uint8_t storage[BUNDLE_LEN_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    struct evidence read;
    struct verdict verdict;
    struct err err;

    assert_int_equal(bundle_encode(&evidence, &out, &err), 0);
    assert_int_equal(out.len, 1309 - 4 - 13 - 4);
    assert_memory_equal(out.data, start, sizeof(start) - 1);
    assert_true(bundle_decode((struct bytes){out.data, out.len}, &read, &verdict));
    assert_int_equal(read.num_certs, 0);
    assert_int_equal(read.outblob.len, 1184);
    for (size_t i = 0; i < out.len; i++) {
        assert_false(bundle_decode((struct bytes){out.data, i}, &read, &verdict));
    }
}

static void certificates_are_carried_whole_and_in_order(void **state)
{
    struct evidence evidence = {
        .provider = TEXT("sim"),
        .outblob = TEXT("o"),
        .certs = {TEXT("\x30\x01\x01"), TEXT("\x30\x02\x02\x02")},
        .num_certs = 2,
    };
    static const char want[] = "\x30\x5f\x30\x54" STATEMENT "\x30\x07\x30\x01\x01\x30\x02\x02\x02";
    uint8_t storage[512];
    struct buf out = buf_over(storage, sizeof(storage));
    struct evidence read;
    struct verdict verdict;
    struct err err;

    assert_int_equal(bundle_encode(&evidence, &out, &err), 0);
    assert_int_equal(out.len, sizeof(want) - 1);
    assert_memory_equal(out.data, want, out.len);
    assert_true(bundle_decode((struct bytes){out.data, out.len}, &read, &verdict));
    assert_int_equal(read.num_certs, 2);
    assert_int_equal(read.certs[1].len, 4);
    assert_memory_equal(read.certs[1].data, "\x30\x02\x02\x02", 4);

    evidence.certs[1] = (struct bytes)TEXT("-----BEGIN CERTIFICATE-----");
    out.len = 0;
    assert_int_equal(bundle_encode(&evidence, &out, &err), -1);
    assert_string_equal(err.msg, "certificate 2 is not DER");
    assert_int_equal(out.len, 0);
}

static void broken_layers_are_refused_with_their_reason(void **state)
{
    static const struct {
        struct bytes input;
        const char *slug;
    } rows[] = {
        {TEXT(""), "bundle-malformed"},
        {TEXT("\x31\x56\x30\x54" STATEMENT), "bundle-malformed"},
        {TEXT(BUNDLE "\x00"), "bundle-malformed"},
        {TEXT("\x30\x80\x30\x54" STATEMENT "\x00\x00"), "bundle-malformed"},
        {TEXT("\x30\x81\x56\x30\x54" STATEMENT), "bundle-malformed"},
        {TEXT("\x30\x02\x30\x00"), "bundle-malformed"},
        {TEXT("\x30\x00"), "bundle-malformed"},
        {TEXT("\x30\x81\xad\x30\x81\xaa" STATEMENT "\x30\x52" OID "\x04\x46" CMW),
         "bundle-malformed"}, /* wrong inner length */
        {TEXT("\x30\x81\xab\x30\x81\xa8" STATEMENT STATEMENT), "bundle-statements"},
        {TEXT("\x30\x59\x30\x57\x30\x55" OID "\x04\x46" CMW "\x01\x01\xff"),
         "bundle-statement-fields"},
        {TEXT("\x30\x0d\x30\x0b\x30\x09\x06\x03\x55\x1d\x11\x04\x02\x05\x00"),
         "bundle-statement-type"},
        {TEXT("\x30\x12\x30\x10\x30\x0e" OID "\x0c\x02{}"), "bundle-json-arm"},
        {TEXT("\x30\x58\x30\x54" STATEMENT "\x30\x00"), "bundle-certs"},
        {TEXT("\x30\x5b\x30\x54" STATEMENT "\x30\x03\xa0\x01\x00"), "bundle-certs"},
        {TEXT("\x30\x67\x30\x54" STATEMENT "\x30\x0f" CERT CERT CERT CERT CERT), "bundle-certs"},
        {TEXT("\x30\x5e\x30\x54" STATEMENT "\x30\x03" CERT CERT), "bundle-malformed"},
        {TEXT("\x30\x5b\x30\x54" STATEMENT "\xa0\x03" CERT), "bundle-malformed"},
        {TEXT("\x30\x56\x30\x54\x30\x52" OID "\x04\x46\x83" TYPE "\x58\x18" REPORT "\x08"),
         "cmw-indicator"},
        {TEXT("\x30\x55\x30\x53\x30\x51" OID "\x04\x45\x82" TYPE "\x58\x18" REPORT),
         "cmw-malformed"}, /* no indicator */
        {TEXT("\x30\x57\x30\x55\x30\x53" OID "\x04\x47" CMW "\x00"), "cmw-malformed"},
        {TEXT("\x30\x12\x30\x10\x30\x0e" OID "\x04\x02\xa1\x01"), "cmw-malformed"},
        {TEXT("\x30\x13\x30\x11\x30\x0f" OID "\x04\x03\xc1\x41\x00"), "cmw-malformed"},
        {TEXT("\x30\x57\x30\x55\x30\x53" OID "\x04\x47\x83" TYPE "\x58\x19" REPORT "\x00\x04"),
         "tsm-trailing-bytes"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct evidence evidence = {.num_certs = 4711};
        struct verdict verdict = {0};

        if (bundle_decode(rows[i].input, &evidence, &verdict)) {
            fail_msg("row %zu taken, not %s", i, rows[i].slug);
        }
        if (strcmp(verdict.slug, rows[i].slug) != 0) {
            fail_msg("row %zu: %s, not %s", i, verdict.slug, rows[i].slug);
        }
        assert_int_equal(verdict.code, VERDICT_ENVELOPE_INVALID);
        assert_int_equal(evidence.num_certs, 4711);
    }
}

static void a_record_of_another_type_is_an_unsupported_platform(void **state)
{
    static const struct bytes rows[] = {
        TEXT("\x30\x16\x30\x14\x30\x12" OID "\x04\x06\x83\x61x\x41o\x04"),
        TEXT("\x30\x17\x30\x15\x30\x13" OID "\x04\x07\x83\x19\x01\x0b\x41o\x04"),
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct evidence evidence;
        struct verdict verdict;

        assert_false(bundle_decode(rows[i], &evidence, &verdict));
        assert_int_equal(verdict.code, VERDICT_PLATFORM_UNSUPPORTED);
        assert_string_equal(verdict.slug, "cmw-type");
    }
}

static void the_longest_bundle_is_still_bounded(void **state)
{
    static uint8_t table[BUNDLE_LEN_MAX];
    static uint8_t storage[2 * BUNDLE_LEN_MAX];
    struct evidence evidence = {.provider = TEXT("sim"), .outblob = TEXT("o")};
    struct buf out = buf_over(storage, sizeof(storage));
    struct verdict verdict;
    struct err err;

    evidence.auxblob = (struct bytes){table, 32768};
    assert_int_equal(bundle_encode(&evidence, &out, &err), 0);
    assert_true(bundle_decode((struct bytes){out.data, out.len}, &evidence, &verdict));
    out.len = 0;
    evidence.auxblob = (struct bytes){table, BUNDLE_LEN_MAX - 60};
    assert_int_equal(bundle_encode(&evidence, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(out.len, 0);
}

/* What bundle_encode() would not write: DER around a record that is itself in order. */
static void a_longer_bundle_is_refused(void **state)
{
    static uint8_t table[BUNDLE_LEN_MAX];
    static uint8_t storage[2 * BUNDLE_LEN_MAX];
    static uint8_t longer[2 * BUNDLE_LEN_MAX];
    struct evidence evidence = {.provider = TEXT("sim"), .outblob = TEXT("o")};
    struct buf out = buf_over(storage, sizeof(storage));
    struct buf grown = buf_over(longer, sizeof(longer));
    struct verdict verdict;
    struct err err;
    size_t len = 0;

    evidence.auxblob = (struct bytes){table, 32768};
    assert_int_equal(bundle_encode(&evidence, &out, &err), 0);
    /* A certificate of zeros behind the statement takes it over the limit. */
    assert_true(buf_append(&grown, storage, out.len));
    assert_true(buf_append(&grown, "\x30\x82\x40\x04\x30\x82\x40\x00", 8));
    assert_true(buf_append(&grown, table, 0x4000));
    len = grown.len - 4;
    longer[2] = (uint8_t)(len >> 8);
    longer[3] = (uint8_t)len;
    assert_true(grown.len > BUNDLE_LEN_MAX);
    assert_false(bundle_decode((struct bytes){grown.data, grown.len}, &evidence, &verdict));
    assert_string_equal(verdict.slug, "bundle-malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_case_has_the_bytes_of_the_vector),
        cmocka_unit_test(certificates_are_carried_whole_and_in_order),
        cmocka_unit_test(broken_layers_are_refused_with_their_reason),
        cmocka_unit_test(a_record_of_another_type_is_an_unsupported_platform),
        cmocka_unit_test(the_longest_bundle_is_still_bounded),
        cmocka_unit_test(a_longer_bundle_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
