/*
 * Allocation: whatever bytes a parser of evidence or policy is given, it allocates no more than
 * this table says.  The bytes are those of the fuzz targets' corpora, each altered in every place,
 * and some that were made to be expensive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <openssl/evp.h>

#include "attest/bundle.h"
#include "attest/crl.h"
#include "attest/intake.h"
#include "attest/ovmf.h"
#include "attest/policy.h"
#include "attest/report.h"
#include "attest/table.h"
#include "attest/tsm.h"
#include "attest/vek.h"
#include "common/err.h"
#include "common/file.h"
#include "common/ini.h"
#include "tests/lib/heap.h"

#define KIB ((size_t)1024)
#define NOW 1780000000

static uint8_t storage[INTAKE_STORAGE_LEN];

static void read_certificate(struct bytes input)
{
    struct buf room = buf_over(storage, CERT_DER_MAX);
    struct cert cert;
    struct bytes text;

    if (cert_read(input, &room, &cert) == CERT_OK) {
        (void)vek_read(&cert);
        (void)cert_extensions_unique(&cert);
        (void)cert_common_name(cert.subject, &text);
        (void)cert_pss_fits(&cert);
    }
}

/* What OpenSSL makes of a key is bounded by the certificate's length. */
static void open_key(struct bytes input)
{
    struct buf room = buf_over(storage, CERT_DER_MAX);
    struct cert cert;

    if (cert_read(input, &room, &cert) == CERT_OK) {
        EVP_PKEY_free(cert_key(&cert));
    }
}

static void read_list(struct bytes input)
{
    struct crl crl;

    if (crl_read(input, &crl)) {
        (void)crl_lists(&crl, input);
    }
}

static void read_table(struct bytes input)
{
    struct table table;
    size_t entry = 0;

    if (table_over(input, &table)) {
        (void)table_check_entries(&table, &entry);
        (void)table_check_ranges(&table, &entry);
        (void)table_check_overlaps(&table, &entry);
    }
}

/* A report, and the certificate table behind it. */
static void verify(struct bytes input)
{
    size_t len = input.len < REPORT_LEN ? input.len : REPORT_LEN;
    struct evidence evidence = {
        .provider = {(const uint8_t *)"sev_guest", 9},
        .outblob = {input.data, len},
        .auxblob = {input.data + len, input.len - len},
    };
    struct collateral collateral = {0};
    struct verify_options options = {
        .now = NOW,
        .anchors = verify_vendor_anchors,
        .num_anchors = verify_num_vendor_anchors,
    };
    struct claims claims;
    struct verdict verdict;

    assert_false(verify_evidence(&evidence, &collateral, &options, &claims, &verdict, NULL));
}

static void decode_bundle(struct bytes input)
{
    struct evidence evidence;
    struct verdict verdict;

    (void)(bundle_decode(input, &evidence, &verdict) || tsm_decode(input, &evidence, &verdict));
}

static void decode_json(struct bytes input)
{
    struct buf room = buf_over(storage, TSM_LEN_MAX);
    struct evidence evidence;
    struct verdict verdict;

    if (tsm_decode_json(input, &room, &evidence, &verdict)) {
        assert_true(evidence.outblob.len > 0);
    }
}

static void take_in(struct bytes input)
{
    struct buf room = buf_over(storage, sizeof(storage));
    struct intake intake;
    struct verdict verdict;

    if (intake_open(input, &room, &intake, &verdict)) {
        assert_true(intake.num_documents <= INTAKE_DOCUMENTS_MAX);
    }
}

static void parse_policy(struct bytes input)
{
    struct err err;

    policy_free(policy_parse("p.ini", (const char *)input.data, input.len, &err));
}

static void read_firmware(struct bytes input)
{
    struct ovmf ovmf;
    struct err err;

    if (ovmf_read(input, &ovmf, &err) == 0) {
        assert_true(ovmf.num_sections <= OVMF_SECTIONS_MAX);
    }
}

static const struct {
    const char *name;
    void (*run)(struct bytes input);
    const char *corpus; /* in tests/fuzz/corpus */
    size_t max;         /* bytes */
} parsers[] = {
    {"certificate", read_certificate, "certificate", 0},
    {"key of a certificate", open_key, "certificate", 16 * KIB},
    {"revocation list", read_list, "crl", 0},
    {"certificate table", read_table, "report_table", 0},
    {"report and table, verified", verify, "report_table", 256 * KIB},
    {"bundle and tsm-report in CBOR", decode_bundle, "csr_attribute", 0},
    {"tsm-report in JSON", decode_json, "tsm_json", 12288 * KIB},
    {"file of unknown kind", take_in, "inspect", 12288 * KIB},
    {"policy", parse_policy, "policy", 4096 * KIB},
    {"firmware", read_firmware, "ovmf", 0},
};

#define PARSERS (sizeof(parsers) / sizeof(parsers[0]))

struct tally {
    size_t num;
    size_t most; /* bytes */
};

static void measure(size_t parser, struct bytes input, struct tally *tally)
{
    size_t peak = 0;

    heap_begin();
    parsers[parser].run(input);
    peak = heap_peak();
    tally->num++;
    tally->most = peak > tally->most ? peak : tally->most;
    if (peak > parsers[parser].max) {
        fail_msg("%s: %zu bytes for %zu", parsers[parser].name, peak, input.len);
    }
}

/* As it is, with each byte as great as it can be, and cut after it. */
static void measure_altered(size_t parser, uint8_t *data, size_t len, struct tally *tally)
{
    size_t step = len / 2048 + 1; /* of a firmware image only some */

    parsers[parser].run((struct bytes){data, len}); /* what libraries load once is not meant */
    measure(parser, (struct bytes){data, len}, tally);
    for (size_t at = 0; at < len; at += step) {
        uint8_t before = data[at];

        data[at] = before == 0xff ? 0x7f : 0xff;
        measure(parser, (struct bytes){data, len}, tally);
        data[at] = before;
        measure(parser, (struct bytes){data, at}, tally);
    }
}

static void measure_corpus(size_t parser, struct tally *tally)
{
    char folder[512];
    char path[1024];
    struct dirent *entry = NULL;
    DIR *dir = NULL;

    snprintf(folder, sizeof(folder), "%s/%s", CORPUS_DIR, parsers[parser].corpus);
    dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && file_read(path, CRL_DER_MAX, &data, &len, &err) == 0) {
            measure_altered(parser, data, len, tally);
            free(data);
        }
    }
    closedir(dir);
    assert_true(tally->num > 1000);
}

static void no_altered_file_needs_more_than_the_maximum(void **state)
{
    for (size_t i = 0; i < PARSERS; i++) {
        struct tally tally = {0};

        measure_corpus(i, &tally);
        print_message("%s: %zu inputs, at most %zu bytes of %zu\n", parsers[i].name, tally.num,
                      tally.most, parsers[i].max);
    }
}

/* Fills `data` with `unit`, over and over, between `begin` and what is left. */
static struct bytes repeat(uint8_t *data, size_t len, const char *begin, const char *unit)
{
    size_t at = strlen(begin);

    memcpy(data, begin, at);
    for (size_t num = strlen(unit); at < len; at++) {
        data[at] = (uint8_t)unit[(at - strlen(begin)) % num];
    }
    return (struct bytes){data, len};
}

/* Heads that announce more than there is, and as many small things as fit. */
static void expensive_inputs_need_no_more_than_the_maximum(void **state)
{
    static const char ca[] = "[ca]\ntrust_domain = a\n[workload a]\n";
    static const struct {
        const char *begin;
        const char *unit;
        size_t len;
    } inputs[] = {
        {"\x9b\x7f\xff\xff\xff\xff", "\xff", 9},       /* an array of 2^63 items */
        {"\xbb\x7f\xff\xff\xff\xff", "\xff", 9},       /* a map */
        {"\x5b\x7f\xff\xff\xff\xff", "\xff", 9},       /* a string of bytes */
        {"\x5a\x7f\xff\xff\xff", "\xff", TSM_LEN_MAX}, /* 2 GiB of them */
        {"", "\x81", TSM_LEN_MAX},                     /* arrays in arrays */
        {"\xa5", "\x60", TSM_LEN_MAX},
        {"\x30\x84\x7f\xff\xff\xff", "\x30", CERT_DER_MAX}, /* DER of 2 GiB */
        {"\x30\x82\x0f\xfc", "\x30\x80", CERT_DER_MAX},
        {"", "\xff", 0x8000 + REPORT_LEN},
        {"", "[", TSM_JSON_MAX},
        {"[", "{},", TSM_JSON_MAX},
        {"{\"auxblob\":[", "{},", TSM_JSON_MAX},
        {"{\"auxblob\":[", "[],", TSM_JSON_MAX},
        {"{\"auxblob\":\"", "A", TSM_JSON_MAX},
        {"{\"auxblob\":\"", "\\u20ac", TSM_JSON_MAX},
        {"-----BEGIN CERTIFICATE-----\n", "AAAA", INTAKE_LEN_MAX},
        {"", "00", INTAKE_LEN_MAX},
        {"", "AAAA", INTAKE_LEN_MAX},
        {ca, "dns = a\n", INI_FILE_MAX},
        {ca, "csp = a\n", INI_FILE_MAX},
        {ca, "id_key_digest = 0\n", INI_FILE_MAX},
        {"", "[", INI_FILE_MAX},
        {"", "\n", INI_FILE_MAX},
    };
    uint8_t *data = malloc(INI_FILE_MAX);

    assert_non_null(data);
    for (size_t i = 0; i < PARSERS; i++) {
        struct tally tally = {0};

        for (size_t j = 0; j < sizeof(inputs) / sizeof(inputs[0]); j++) {
            measure(i, repeat(data, inputs[j].len, inputs[j].begin, inputs[j].unit), &tally);
        }
        print_message("%s: %zu inputs, at most %zu bytes of %zu\n", parsers[i].name, tally.num,
                      tally.most, parsers[i].max);
    }
    free(data);
}

/* As many workloads as a file can name, each with the smallest thing that takes room. */
static void a_policy_of_the_greatest_size_keeps_the_maximum(void **state)
{
    static const char *const keys[] = {"dns = a\n", "csp = a\n", "spiffe = snp/a\n",
                                       "family_id = 11111111111111111111111111111111\n"};
    char *text = malloc(INI_FILE_MAX);
    size_t policy = PARSERS - 2;

    assert_non_null(text);
    assert_ptr_equal(parsers[policy].run, parse_policy);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct tally tally = {0};
        size_t len = (size_t)snprintf(text, INI_FILE_MAX, "[ca]\ntrust_domain = a\n");

        for (unsigned n = 0; len + 128 < INI_FILE_MAX; n++) {
            len +=
                (size_t)snprintf(text + len, INI_FILE_MAX - len, "[workload %x]\n%s", n, keys[i]);
        }
        measure(policy, (struct bytes){(const uint8_t *)text, len}, &tally);
        print_message("policy: %zu bytes of text: %zu of %zu\n", len, tally.most,
                      parsers[policy].max);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_altered_file_needs_more_than_the_maximum),
        cmocka_unit_test(expensive_inputs_need_no_more_than_the_maximum),
        cmocka_unit_test(a_policy_of_the_greatest_size_keeps_the_maximum),
    };

    heap_watch_libraries();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
