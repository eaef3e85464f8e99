/*
 * Tsm: the envelope in CBOR and JSON, and each way in which it can be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "attest/tsm.h"
#include "common/err.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void a_report_without_table_takes_1215_bytes(void **state)
{
    static const uint8_t report[1184] = {2};
    const struct evidence evidence = {.provider = TEXT("sev_guest"), .outblob = {report, 1184}};
    uint8_t storage[2048];
    struct buf out = buf_over(storage, sizeof(storage));
    struct evidence read;
    struct verdict verdict;
    struct err err;

    assert_int_equal(tsm_encode(&evidence, &out, &err), 0);
    assert_int_equal(out.len, 1215);
    assert_memory_equal(out.data, "\xa2\x67outblob\x59\x04\xa0\x02", 13);
    assert_true(tsm_decode((struct bytes){out.data, out.len}, &read, &verdict));
    assert_int_equal(read.outblob.len, 1184);
    assert_memory_equal(read.outblob.data, report, 1184);
    assert_null(read.auxblob.data);
    for (size_t i = 0; i < out.len; i++) {
        assert_false(tsm_decode((struct bytes){out.data, i}, &read, &verdict));
        assert_int_equal(verdict.code, VERDICT_ENVELOPE_INVALID);
    }
}

static void all_keys_are_written_in_order_and_read_back(void **state)
{
    const struct evidence evidence = {
        .provider = TEXT("sim"),
        .outblob = TEXT("o"),
        .auxblob = TEXT(""),
        .manifestblob = TEXT("m"),
        .service_provider = TEXT("svsm"),
    };
    static const char want[] = "\xa5\x67"
                               "auxblob\x40\x67"
                               "outblob\x41"
                               "o\x68"
                               "provider\x63"
                               "sim\x6c"
                               "manifestblob\x41"
                               "m\x70"
                               "service_provider\x64"
                               "svsm";
    uint8_t storage[128];
    struct buf out = buf_over(storage, sizeof(storage));
    struct evidence read;
    struct verdict verdict;
    struct err err;

    assert_int_equal(tsm_encode(&evidence, &out, &err), 0);
    assert_int_equal(out.len, sizeof(want) - 1);
    assert_memory_equal(out.data, want, out.len);
    assert_true(tsm_decode((struct bytes){out.data, out.len}, &read, &verdict));
    assert_non_null(read.auxblob.data);
    assert_int_equal(read.auxblob.len, 0);
    assert_int_equal(read.service_provider.len, 4);
    assert_int_equal(read.num_certs, 0);
    out = buf_over(storage, sizeof(want) - 2);
    assert_int_equal(tsm_encode(&evidence, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(out.len, 0);
}

static void exactly_one_line_feed_is_taken_off_the_provider(void **state)
{
    static const struct {
        struct bytes input;
        const char *provider;
    } rows[] = {
        {TEXT("\xa2\x67outblob\x41o\x68provider\x69sev_guest"), "sev_guest"},
        {TEXT("\xa2\x67outblob\x41o\x68provider\x6asev_guest\n"), "sev_guest"},
        {TEXT("\xa2\x67outblob\x41o\x68provider\x6bsev_guest\n\n"), "sev_guest\n"},
        {TEXT("\xa2\x67outblob\x41o\x68provider\x61\n"), ""},
        {TEXT("\xa2\x67outblob\x41o\x68provider\x60"), ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct evidence evidence;
        struct verdict verdict;

        assert_true(tsm_decode(rows[i].input, &evidence, &verdict));
        assert_int_equal(evidence.provider.len, strlen(rows[i].provider));
        assert_memory_equal(evidence.provider.data, rows[i].provider, evidence.provider.len);
    }
}

static void bad_maps_are_refused_with_their_reason(void **state)
{
    static const struct {
        struct bytes input;
        const char *slug;
    } rows[] = {
        {TEXT(""), "tsm-malformed"},
        {TEXT("\x80"), "tsm-malformed"},
        {TEXT("\xa0"), "tsm-missing-key"},
        {TEXT("\xa1\x67outblob\x41o"), "tsm-missing-key"},
        {TEXT("\xa1\x68provider\x63sim"), "tsm-missing-key"},
        {TEXT("\xa2\x67outblob\x41o\x68provider\x63sim\x00"), "tsm-trailing-bytes"},
        {TEXT("\xa3\x67outblob\x41o\x67outblob\x41o\x68provider\x63sim"), "tsm-duplicate-key"},
        {TEXT("\xa3\x67outblob\x41o\x68provider\x63sim\x68provider\x63sim"), "tsm-duplicate-key"},
        {TEXT("\xa3\x61x\x41o\x67outblob\x41o\x68provider\x63sim"), "tsm-unknown-key"},
        {TEXT("\xa2\x47outblob\x41o\x68provider\x63sim"), "tsm-malformed"},
        {TEXT("\xa2\x67outblob\x61o\x68provider\x63sim"), "tsm-malformed"},
        {TEXT("\xa2\x67outblob\x41o\x68provider\x43sim"), "tsm-malformed"},
        {TEXT("\xa2\x67outblob\xd8\x18\x41o\x68provider\x63sim"), "tsm-malformed"},
        {TEXT("\xa2\x67outblob\x5f\x41o\xff\x68provider\x63sim"), "tsm-malformed"},
        {TEXT("\xbf\x67outblob\x41o\x68provider\x63sim\xff"), "tsm-malformed"},
        {TEXT("\xb8\x02\x67outblob\x41o\x68provider\x63sim"), "tsm-malformed"},
        {TEXT("\xa2\x67outblob\x58\x01o\x68provider\x63sim"), "tsm-malformed"},
        {TEXT("\xa2\x67outblob\x40\x68provider\x63sim"), "tsm-blob-length"},
        {TEXT("\xa3\x67outblob\x41o\x68provider\x63sim\x6cmanifestblob\x41m"),
         "tsm-manifest-without-service"},
        {TEXT("\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x67outblob\x41o\x68provider\x63sim"),
         "tsm-malformed"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct evidence evidence = {.num_certs = 4711};
        struct verdict verdict = {0};

        if (tsm_decode(rows[i].input, &evidence, &verdict)) {
            fail_msg("row %zu taken, not %s", i, rows[i].slug);
        }
        assert_int_equal(verdict.code, VERDICT_ENVELOPE_INVALID);
        assert_string_equal(verdict.slug, rows[i].slug);
        assert_int_equal(evidence.num_certs, 4711);
    }
}

static void blobs_have_their_longest_length(void **state)
{
    static uint8_t blob[EVIDENCE_BLOB_MAX + 1];
    static uint8_t storage[TSM_LEN_MAX];
    struct evidence evidence = {.provider = TEXT("sim"), .outblob = {blob, EVIDENCE_BLOB_MAX}};
    struct buf out = buf_over(storage, sizeof(storage));
    struct evidence read;
    struct verdict verdict;
    struct err err;

    assert_int_equal(tsm_encode(&evidence, &out, &err), 0);
    assert_true(tsm_decode((struct bytes){out.data, out.len}, &read, &verdict));
    evidence.outblob.len++;
    out.len = 0;
    assert_int_equal(tsm_encode(&evidence, &out, &err), 0);
    assert_false(tsm_decode((struct bytes){out.data, out.len}, &read, &verdict));
    assert_string_equal(verdict.slug, "tsm-blob-length");
    evidence.outblob.len = 1;
    evidence.service_provider = (struct bytes)TEXT("svsm");
    for (size_t over = 0; over < 2; over++) {
        evidence.manifestblob = (struct bytes){blob, EVIDENCE_BLOB_MAX + over};
        out.len = 0;
        assert_int_equal(tsm_encode(&evidence, &out, &err), 0);
        assert_int_equal(tsm_decode((struct bytes){out.data, out.len}, &read, &verdict), over == 0);
    }
    assert_string_equal(verdict.slug, "tsm-blob-length");
}

static void json_holds_the_same_keys(void **state)
{
    char storage[64];
    struct buf room = buf_over(storage, sizeof(storage));
    struct evidence evidence;
    struct verdict verdict;

    assert_true(tsm_decode_json(text_bytes("{\"provider\": \"sev_guest\\n\", \"outblob\": \"_---\","
                                           " \"auxblob\": \"\"}"),
                                &room, &evidence, &verdict));
    assert_int_equal(evidence.provider.len, 9);
    assert_memory_equal(evidence.provider.data, "sev_guest", 9);
    assert_int_equal(evidence.outblob.len, 3);
    assert_memory_equal(evidence.outblob.data, "\xff\xef\xbe", 3);
    assert_non_null(evidence.auxblob.data);
    assert_int_equal(evidence.auxblob.len, 0);
}

static void bad_json_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *input;
        const char *slug;
    } rows[] = {
        {"", "tsm-malformed"},
        {"[]", "tsm-malformed"},
        {"{}", "tsm-missing-key"},
        {"{\"provider\": \"sim\"", "tsm-malformed"},
        {"{\"provider\": \"sim\", \"outblob\": \"bw\"} x", "tsm-malformed"},
        {"{\"provider\": \"sim\", \"outblob\": \"bw==\"}", "tsm-malformed"},
        {"{\"provider\": \"sim\", \"outblob\": 7}", "tsm-malformed"},
        {"{\"provider\": null, \"outblob\": \"bw\"}", "tsm-malformed"},
        {"{\"provider\": \"sim\", \"outblob\": \"bw\", \"outblob\": \"bw\"}", "tsm-duplicate-key"},
        {"{\"provider\": \"sim\", \"outblob\": \"bw\", \"x\": \"bw\"}", "tsm-unknown-key"},
        {"{\"provider\": \"sim\", \"outblob\": \"\"}", "tsm-blob-length"},
        {"{\"provider\": \"sim\", \"outblob\": \"b2JvYm9ib2JvYm9ib2JvYm9ib2Jv\"}",
         "tsm-malformed"}, /* does not fit */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char storage[16];
        struct buf room = buf_over(storage, sizeof(storage));
        struct evidence evidence = {.num_certs = 4711};
        struct verdict verdict = {0};

        if (tsm_decode_json(text_bytes(rows[i].input), &room, &evidence, &verdict)) {
            fail_msg("taken: %s", rows[i].input);
        }
        assert_string_equal(verdict.slug, rows[i].slug);
        assert_int_equal(evidence.num_certs, 4711);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_without_table_takes_1215_bytes),
        cmocka_unit_test(all_keys_are_written_in_order_and_read_back),
        cmocka_unit_test(exactly_one_line_feed_is_taken_off_the_provider),
        cmocka_unit_test(bad_maps_are_refused_with_their_reason),
        cmocka_unit_test(blobs_have_their_longest_length),
        cmocka_unit_test(json_holds_the_same_keys),
        cmocka_unit_test(bad_json_is_refused_with_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
