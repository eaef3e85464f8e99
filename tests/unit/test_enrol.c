/*
 * Enrol: one sound enrolment, and each check broken alone, with the code that the client sees and
 * the slug that the log has.
 */
#include "ca/enrol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sqlite3.h>

#include "attest/binding.h"
#include "common/err.h"
#include "common/est.h"
#include "tests/lib/attempt.h"
#include "tests/lib/authority.h"
#include "tests/lib/request.h"

#define OFFSET_POLICY 0x08
#define OFFSET_VMPL 0x30
#define OFFSET_REPORT_DATA 0x50
#define OFFSET_MEASUREMENT 0x90
#define LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static int setup(void **state)
{
    struct authority *authority = malloc(sizeof(*authority));

    assert_non_null(authority);
    authority_init(authority, AUTHORITY_POLICY);
    *state = authority;
    return 0;
}

static int teardown(void **state)
{
    authority_deinit(*state);
    free(*state);
    return 0;
}

static void a_sound_enrolment_gets_its_certificate(void **state)
{
    struct attempt *a = attempt_new(*state);
    const unsigned char *der = NULL;
    X509 *cert = NULL;

    attempt_prepare(a, NULL);
    assert_true(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_ACCEPTED);
    assert_string_equal(a->result.spiffe, "spiffe://prod.example/sim/app");
    assert_string_equal(a->result.workload, "app");
    assert_int_equal(a->result.tee, TEE_SIM);
    assert_int_equal(a->result.issued.not_after, AUTHORITY_NOW_MS / 1000 + 3600);
    der = a->leaf.data;
    cert = d2i_X509(NULL, &der, (long)a->leaf.len);
    assert_non_null(cert);
    assert_ptr_equal(der, a->leaf.data + a->leaf.len);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), a->key), 1);
    assert_int_equal(X509_verify(cert, a->authority->keys.issuing_key), 1);
    X509_free(cert);
    attempt_free(a);
}

/* The changes, in the order of the checks that they break. */

static void no_nonce(struct attempt *a)
{
    a->request.num_nonces = 0;
}

static void two_nonces(struct attempt *a)
{
    a->request.num_nonces = 2;
}

static void padded_nonce(struct attempt *a)
{
    assert_true(buf_append(&a->nonce_text, "==", 2));
}

static void short_nonce(struct attempt *a)
{
    a->nonce_text.len -= 4;
}

static void forged_nonce(struct attempt *a)
{
    char *last = &a->nonce_storage[a->nonce_text.len - 1];

    *last = *last == 'A' ? 'B' : 'A';
}

static void late(struct attempt *a)
{
    a->request.now_ms += 125001;
}

static void early(struct attempt *a)
{
    a->request.now_ms -= 5001;
}

static void bad_base64(struct attempt *a)
{
    a->body_storage[10] = '!';
}

static void longer_der(struct attempt *a)
{
    a->body.len -= a->body.len % 4; /* whole groups, and one more */
    while (a->body_storage[a->body.len - 1] == '=') {
        a->body.len--;
    }
    assert_true(buf_append(&a->body, "AAAA", 4));
}

static void garbage_bundle(struct attempt *a)
{
    a->attributes.len = 0;
    request_attribute(&a->attributes, LITERAL(REQUEST_OID_ATTESTATION), LITERAL("\x30\x00"));
}

static void no_bundle(struct attempt *a)
{
    a->attributes.len = 0;
    request_uri(&a->attributes, "spiffe://prod.example/sim/app");
}

static void another_provider(struct attempt *a)
{
    a->evidence.provider = LITERAL("tdx_guest");
}

static void vendor_provider(struct attempt *a)
{
    a->evidence.provider = LITERAL("sev_guest");
}

static void large_curve(struct attempt *a)
{
    EVP_PKEY_free(a->key);
    a->key = EVP_EC_gen("P-521");
}

static void another_spki(struct attempt *a)
{
    /* The generator of P-256: a fine key, but not the one that signs. */
    static const uint8_t spki[] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
        0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
        0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
        0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
        0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    };

    a->spki = (struct bytes){spki, sizeof(spki)};
}

static void short_report(struct attempt *a)
{
    a->evidence.outblob.len--;
}

static void future_version(struct attempt *a)
{
    struct err err = {0};

    a->report[0] = 6;
    assert_int_equal(sim_sign(a->authority->machine_key, a->report, &err), 0);
}

static void altered_report(struct attempt *a)
{
    a->report[OFFSET_MEASUREMENT] ^= 1;
}

static void another_signer(struct attempt *a)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    struct err err = {0};

    assert_int_equal(sim_sign(key, a->report, &err), 0);
    EVP_PKEY_free(key);
}

static void no_vek(struct attempt *a)
{
    a->evidence.num_certs = 0;
}

static void other_binding(struct attempt *a)
{
    a->report_data[63] ^= 1;
}

/* What others do: the key alone, without a nonce. */
static void binding_without_nonce(struct attempt *a)
{
    uint8_t storage[256];
    struct buf spki = buf_over(storage, sizeof(storage));

    request_spki(&spki, a->key);
    memset(a->report_data, 0, sizeof(a->report_data));
    SHA384(spki.data, spki.len, a->report_data);
}

static void binding_to_another_nonce(struct attempt *a)
{
    uint8_t spki_sha256[32];
    uint8_t nonce[NONCE_LEN];
    struct err err = {0};

    attempt_spki_digest(a, spki_sha256);
    assert_int_equal(nonce_issue(&a->authority->enrol.nonces, NONCE_LEN, (uint64_t)AUTHORITY_NOW_MS,
                                 nonce, &err),
                     0);
    assert_true(binding_report_data(nonce, sizeof(nonce), spki_sha256, a->report_data));
}

static void resign(struct attempt *a)
{
    struct err err = {0};

    assert_int_equal(sim_sign(a->authority->machine_key, a->report, &err), 0);
}

static void debuggable(struct attempt *a)
{
    a->report[OFFSET_POLICY + 2] |= 0x08;
    resign(a);
}

static void migratable(struct attempt *a)
{
    a->report[OFFSET_POLICY + 2] |= 0x04;
    resign(a);
}

static void another_vmpl(struct attempt *a)
{
    a->report[OFFSET_VMPL] = 1;
    resign(a);
}

static void another_measurement(struct attempt *a)
{
    a->report[OFFSET_MEASUREMENT] ^= 1;
    resign(a);
}

static void another_identity(struct attempt *a)
{
    request_uri(&a->attributes, "spiffe://prod.example/sim/other");
}

static void genuine_identity(struct attempt *a)
{
    request_uri(&a->attributes, "spiffe://prod.example/snp/app");
}

/* clang-format off */
static const struct {
    struct change change;
    enum verdict_code code;
    const char *slug;
} refusals[] = {
    {{STAGE_REQUESTED, no_nonce},                 VERDICT_NONCE_INVALID,          "nonce-missing"},
    {{STAGE_REQUESTED, two_nonces},               VERDICT_NONCE_INVALID,          "nonce-doubled"},
    {{STAGE_REQUESTED, padded_nonce},             VERDICT_NONCE_INVALID,          "nonce-encoding"},
    {{STAGE_REQUESTED, short_nonce},              VERDICT_NONCE_INVALID,          "nonce-format"},
    {{STAGE_REQUESTED, forged_nonce},             VERDICT_NONCE_INVALID,          "nonce-tag"},
    {{STAGE_REQUESTED, late},                     VERDICT_NONCE_EXPIRED,          "nonce-too-old"},
    {{STAGE_REQUESTED, early},                    VERDICT_NONCE_INVALID,          "nonce-from-the-future"},
    {{STAGE_REQUESTED, bad_base64},               VERDICT_CSR_INVALID,            "base64"},
    {{STAGE_REQUESTED, longer_der},               VERDICT_CSR_INVALID,            "request-encoding"},
    {{STAGE_ENCLOSED,  no_bundle},                VERDICT_CSR_INVALID,            "attestation-missing"},
    {{STAGE_ENCLOSED,  garbage_bundle},           VERDICT_ENVELOPE_INVALID,       NULL},
    {{STAGE_BOUND,     large_curve},              VERDICT_KEY_NOT_ALLOWED,        "key-type"},
    {{STAGE_BOUND,     another_spki},             VERDICT_CSR_INVALID,            "possession-not-proven"},
    {{STAGE_REPORTED,  another_provider},         VERDICT_PLATFORM_UNSUPPORTED,   "provider-unknown"},
    {{STAGE_REPORTED,  short_report},             VERDICT_REPORT_INVALID,         NULL},
    {{STAGE_REPORTED,  future_version},           VERDICT_REPORT_INVALID,         "version-unsupported"},
    {{STAGE_REPORTED,  vendor_provider},          VERDICT_CHAIN_INVALID,          NULL},
    {{STAGE_REPORTED,  no_vek},                   VERDICT_COLLATERAL_UNAVAILABLE, NULL},
    {{STAGE_REPORTED,  altered_report},           VERDICT_SIGNATURE_INVALID,      "report-signature"},
    {{STAGE_REPORTED,  another_signer},           VERDICT_SIGNATURE_INVALID,      "report-signature"},
    {{STAGE_BOUND,     other_binding},            VERDICT_BINDING_MISMATCH,       "report-data"},
    {{STAGE_BOUND,     binding_without_nonce},    VERDICT_BINDING_MISMATCH,       "report-data"},
    {{STAGE_BOUND,     binding_to_another_nonce}, VERDICT_BINDING_MISMATCH,       "report-data"},
    {{STAGE_REPORTED,  debuggable},               VERDICT_GUEST_POLICY,           "debug-allowed"},
    {{STAGE_REPORTED,  migratable},               VERDICT_GUEST_POLICY,           "migration-allowed"},
    {{STAGE_REPORTED,  another_vmpl},             VERDICT_GUEST_POLICY,           "vmpl-not-allowed"},
    {{STAGE_REPORTED,  another_measurement},      VERDICT_REFERENCE_MISMATCH,     "measurement"},
    {{STAGE_ENCLOSED,  another_identity},         VERDICT_IDENTITY_NOT_PERMITTED, "uri-not-permitted"},
    {{STAGE_ENCLOSED,  genuine_identity},         VERDICT_IDENTITY_NOT_PERMITTED, "uri-not-permitted"},
};
/* clang-format on */

static void each_broken_check_has_its_own_refusal(void **state)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct attempt *a = attempt_new(*state);

        attempt_prepare(a, &refusals[i].change);
        if (attempt_decide(a)) {
            fail_msg("case %zu was accepted", i);
        }
        assert_int_equal(a->leaf.len, 0);
        if (a->result.verdict.code != refusals[i].code) {
            fail_msg("case %zu: %s", i, verdict_code_name(a->result.verdict.code));
        }
        if (refusals[i].slug != NULL) {
            assert_string_equal(a->result.verdict.slug, refusals[i].slug);
        }
        attempt_free(a);
    }
}

/* A refusal uses nothing up: the same nonce serves the sound request that follows. */
static void a_refused_request_leaves_no_trace(void **state)
{
    struct attempt *a = attempt_new(*state);
    struct attempt *b = attempt_new(*state);

    memcpy(b->nonce, a->nonce, sizeof(b->nonce));
    attempt_prepare(a, &(struct change){STAGE_REPORTED, another_measurement});
    assert_false(attempt_decide(a));
    attempt_prepare(b, NULL);
    assert_true(attempt_decide(b));
    attempt_free(b);
    attempt_free(a);
}

static void flip_binding_byte(struct attempt *a)
{
    a->report_data[a->byte] ^= 1;
}

static void every_byte_of_the_binding_counts(void **state)
{
    for (size_t i = 0; i < 64; i++) {
        struct attempt *a = attempt_new(*state);

        a->byte = i;
        attempt_prepare(a, &(struct change){STAGE_BOUND, flip_binding_byte});
        assert_false(attempt_decide(a));
        assert_int_equal(a->result.verdict.code, VERDICT_BINDING_MISMATCH);
        attempt_free(a);
    }
}

static void the_same_request_gets_the_same_certificate(void **state)
{
    struct attempt *a = attempt_new(*state);
    uint8_t first[STORE_CERT_MAX];
    size_t first_len = 0;

    attempt_prepare(a, NULL);
    assert_true(attempt_decide(a));
    assert_false(a->result.repeated);
    first_len = a->leaf.len;
    memcpy(first, a->leaf.data, first_len);
    a->request.now_ms += 60000;
    assert_true(attempt_decide(a));
    assert_true(a->result.repeated);
    assert_int_equal(a->leaf.len, first_len);
    assert_memory_equal(a->leaf.data, first, first_len);
    attempt_free(a);
}

static void a_used_nonce_serves_no_other_key(void **state)
{
    struct attempt *a = attempt_new(*state);
    struct attempt *b = attempt_new(*state);

    memcpy(b->nonce, a->nonce, sizeof(b->nonce));
    attempt_prepare(a, NULL);
    attempt_prepare(b, NULL);
    assert_true(attempt_decide(a));
    assert_false(attempt_decide(b));
    assert_int_equal(b->result.verdict.code, VERDICT_NONCE_REPLAYED);
    assert_int_equal(b->leaf.len, 0);
    attempt_free(b);
    attempt_free(a);
}

static void a_used_key_gets_no_second_certificate(void **state)
{
    struct attempt *a = attempt_new(*state);
    struct attempt *b = attempt_new(*state);

    EVP_PKEY_free(b->key);
    b->key = a->key;
    EVP_PKEY_up_ref(a->key);
    attempt_prepare(a, NULL);
    attempt_prepare(b, NULL);
    assert_true(attempt_decide(a));
    assert_false(attempt_decide(b));
    assert_int_equal(b->result.verdict.code, VERDICT_KEY_REUSED);
    attempt_free(b);
    attempt_free(a);
}

static void a_uri_selects_among_the_workloads_that_match(void **state)
{
    static const char *const uris[] = {"spiffe://prod.example/sim/app",
                                       "spiffe://prod.example/sim/second"};
    struct authority *authority = *state;
    struct attempt *ambiguous = attempt_new(authority);

    authority_set_policy(authority,
                         AUTHORITY_POLICY
                         "[workload second]\n"
                         "tee = sim\n"
                         "tcb = sim\n"
                         "ttl = 600\n"
                         "spiffe = sim/second\n"
                         "dns = second.prod.example\n"
                         "measurement = "
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
                         true);
    for (unsigned i = 0; i < 2; i++) {
        struct attempt *a = attempt_new(authority);

        a->uri = uris[i];
        attempt_prepare(a, NULL);
        assert_true(attempt_decide(a));
        assert_string_equal(a->result.spiffe, uris[i]);
        assert_int_equal(a->result.issued.not_after - AUTHORITY_NOW_MS / 1000, i == 0 ? 3600 : 600);
        attempt_free(a);
    }
    attempt_prepare(ambiguous, NULL);
    assert_false(attempt_decide(ambiguous));
    assert_string_equal(ambiguous->result.verdict.slug, "several-workloads-match");
    assert_int_equal(ambiguous->result.num_traces, 2);
    attempt_free(ambiguous);
}

static void firmware_below_the_floor_is_refused(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);

    authority_set_policy(authority,
                         "[tcb sim]\nsnp = 255\n"
                         "[workload app]\n"
                         "tee = sim\n"
                         "tcb = sim\n"
                         "spiffe = sim/app\n"
                         "measurement = "
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
                         true);
    attempt_prepare(a, NULL);
    assert_false(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_TCB_NOT_ALLOWED);
    assert_string_equal(a->result.verdict.slug, "current-below-floor");
    attempt_free(a);
}

static void a_policy_without_the_simulated_platform_refuses_it(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);

    authority_set_policy(authority, "", false);
    attempt_prepare(a, NULL);
    assert_false(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_PLATFORM_UNSUPPORTED);
    attempt_free(a);
}

static void without_a_workload_nobody_is_enrolled(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);

    authority_set_policy(authority, "", true);
    attempt_prepare(a, NULL);
    assert_false(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_NO_POLICY_MATCH);
    attempt_free(a);
}

static void a_store_that_does_not_answer_means_no_certificate(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);
    char path[FOLDER_PATH_CAP + 16];
    sqlite3 *other = NULL;

    snprintf(path, sizeof(path), "%s/ca.db", authority->dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    attempt_prepare(a, NULL);
    assert_false(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_UNAVAILABLE);
    assert_string_equal(a->result.verdict.slug, "store-unavailable");
    assert_int_equal(a->leaf.len, 0);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_true(attempt_decide(a)); /* the nonce was not used up */
    attempt_free(a);
}

static void a_clock_that_went_back_issues_nothing(void **state)
{
    struct attempt *a = attempt_new(*state);
    struct attempt *b = attempt_new(*state);

    attempt_prepare(a, NULL);
    a->request.now_ms += 100000;
    assert_true(attempt_decide(a));
    attempt_prepare(b, NULL);
    assert_false(attempt_decide(b));
    assert_int_equal(b->result.verdict.code, VERDICT_UNAVAILABLE);
    assert_string_equal(b->result.verdict.slug, "clock-behind");
    attempt_free(b);
    attempt_free(a);
}

static void a_nonce_of_another_authority_is_refused(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);

    attempt_prepare(a, NULL);
    authority->enrol.nonces.replica ^= 1;
    assert_false(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_UNAVAILABLE);
    assert_string_equal(a->result.verdict.slug, "nonce-of-another-replica");
    attempt_free(a);
}

static void an_issuing_certificate_that_has_ended_issues_nothing(void **state)
{
    struct authority *authority = *state;
    struct attempt *a = attempt_new(authority);
    struct err err = {0};

    a->request.now_ms += (int64_t)31 * 86400 * 1000;
    assert_int_equal(nonce_issue(&authority->enrol.nonces, NONCE_LEN, (uint64_t)a->request.now_ms,
                                 a->nonce, &err),
                     0);
    attempt_prepare(a, NULL);
    assert_false(attempt_decide(a));
    assert_int_equal(a->result.verdict.code, VERDICT_UNAVAILABLE);
    assert_string_equal(a->result.verdict.slug, "signing-failed");
    attempt_free(a);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sound_enrolment_gets_its_certificate),
        CASE(each_broken_check_has_its_own_refusal),
        CASE(a_refused_request_leaves_no_trace),
        CASE(every_byte_of_the_binding_counts),
        CASE(the_same_request_gets_the_same_certificate),
        CASE(a_used_nonce_serves_no_other_key),
        CASE(a_used_key_gets_no_second_certificate),
        CASE(a_uri_selects_among_the_workloads_that_match),
        CASE(firmware_below_the_floor_is_refused),
        CASE(a_policy_without_the_simulated_platform_refuses_it),
        CASE(without_a_workload_nobody_is_enrolled),
        CASE(a_store_that_does_not_answer_means_no_certificate),
        CASE(a_clock_that_went_back_issues_nothing),
        CASE(a_nonce_of_another_authority_is_refused),
        CASE(an_issuing_certificate_that_has_ended_issues_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
