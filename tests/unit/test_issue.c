/*
 * Issue: the leaf, field by field, and what verifies it.
 */
#include "ca/issue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "common/ear.h"
#include "common/err.h"
#include "tests/lib/authority.h"

#define NOW (AUTHORITY_NOW_MS / 1000)
#define URI "spiffe://prod.example/snp/app"

struct fixture {
    struct authority authority;
    struct claims claims;
    struct policy_ca ca;
    struct policy_grant grant;
    EVP_PKEY *key;
    struct issued issued;
    X509 *leaf;
};

static const char *const dns_names[] = {"app.prod.example", "api.prod.example"};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    authority_init(&f->authority, AUTHORITY_POLICY);
    f->ca = *policy_ca(f->authority.policy);
    f->grant = (struct policy_grant){"app", URI, dns_names, 2, 3600};
    f->claims = (struct claims){
        .tee = TEE_SNP,
        .measurement_len = 48,
        .guest_policy = 0x30000,
        .reported = {.value = {7, 0, 21, 72}, .present = {true, true, true, true}},
        .chip_known = true,
    };
    memset(f->claims.measurement, 0x5a, 48);
    memset(f->claims.chip, 0xc4, sizeof(f->claims.chip));
    f->key = EVP_EC_gen("P-256");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    X509_free(f->leaf);
    EVP_PKEY_free(f->key);
    authority_deinit(&f->authority);
    free(f);
    return 0;
}

static void issue_at(struct fixture *f, int64_t now)
{
    const struct issue_request request = {f->key, &f->claims, &f->ca, &f->grant, now};
    uint8_t storage[4096];
    struct buf out = buf_over(storage, sizeof(storage));
    const unsigned char *der = storage;
    struct err err = {0};

    if (issue_leaf(&f->authority.enrol.issuer, &request, &f->issued, &out, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    f->leaf = d2i_X509(NULL, &der, (long)out.len);
    assert_non_null(f->leaf);
    assert_ptr_equal(der, storage + out.len);
}

static const ASN1_OCTET_STRING *extension(const struct fixture *f, const char *oid,
                                          bool expect_critical)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = X509_get_ext_by_OBJ(f->leaf, object, -1);
    X509_EXTENSION *found = X509_get_ext(f->leaf, at);

    assert_true(at >= 0);
    assert_true(X509_get_ext_by_OBJ(f->leaf, object, at) < 0); /* once */
    assert_int_equal(X509_EXTENSION_get_critical(found), expect_critical);
    ASN1_OBJECT_free(object);
    return X509_EXTENSION_get_data(found);
}

static int64_t seconds(const ASN1_TIME *time)
{
    struct tm tm;

    assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
    return (int64_t)timegm(&tm);
}

static void the_leaf_has_exactly_the_fields_of_its_profile(void **state)
{
    struct fixture *f = *state;
    uint8_t serial[20] = {0};
    const ASN1_INTEGER *number = NULL;

    issue_at(f, NOW);
    number = X509_get0_serialNumber(f->leaf);
    assert_int_equal(X509_get_version(f->leaf), 2);
    assert_int_equal(ASN1_STRING_length(number), 16);
    memcpy(serial, ASN1_STRING_get0_data(number), 16);
    assert_memory_equal(serial, f->issued.serial, 16);
    assert_int_equal(serial[0] & 0xc0, 0x40);
    assert_int_equal(seconds(X509_get0_notBefore(f->leaf)), NOW - 60);
    assert_int_equal(seconds(X509_get0_notAfter(f->leaf)), NOW + 3600);
    assert_int_equal(f->issued.not_after, NOW + 3600);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(f->leaf)), 0);
    assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(f->leaf),
                                   X509_get_subject_name(f->authority.keys.issuing)),
                     0);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(f->leaf), f->key), 1);
    assert_int_equal(X509_get_ext_count(f->leaf), 8);
    assert_int_equal(X509_get_key_usage(f->leaf), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(f->leaf), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    assert_int_equal(X509_check_ca(f->leaf), 0);
}

static void expect_bytes(const ASN1_OCTET_STRING *value, const void *expected, size_t len)
{
    assert_int_equal(ASN1_STRING_length(value), len);
    assert_memory_equal(ASN1_STRING_get0_data(value), expected, len);
}

static void the_extensions_have_their_exact_bytes(void **state)
{
    struct fixture *f = *state;
    const ASN1_BIT_STRING *bits = NULL;
    uint8_t ski[22] = {0x04, 20};
    uint8_t aki[24] = {0x30, 22, 0x80, 20};
    uint8_t digest[32];

    issue_at(f, NOW);
    expect_bytes(extension(f, "2.5.29.19", true), "\x30\x00", 2);         /* CA false */
    expect_bytes(extension(f, "2.5.29.15", true), "\x03\x02\x07\x80", 4); /* signature */
    expect_bytes(extension(f, "2.5.29.56", false), "\x05\x00", 2);        /* noRevAvail */
    expect_bytes(extension(f, "2.5.29.37", false),                        /* both roles */
                 "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
                 "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02",
                 22);
    bits = X509_get0_pubkey_bitstr(f->leaf);
    SHA256(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), digest);
    memcpy(ski + 2, digest, 20);
    expect_bytes(extension(f, "2.5.29.14", false), ski, sizeof(ski));
    memcpy(aki + 4, ASN1_STRING_get0_data(X509_get0_subject_key_id(f->authority.keys.issuing)), 20);
    expect_bytes(extension(f, "2.5.29.35", false), aki, sizeof(aki));
}

static void the_names_are_those_of_the_grant(void **state)
{
    struct fixture *f = *state;
    const ASN1_OCTET_STRING *value = NULL;
    GENERAL_NAMES *names = NULL;
    const unsigned char *der = NULL;
    static const char *const expected[] = {URI, "app.prod.example", "api.prod.example"};

    issue_at(f, NOW);
    value = extension(f, "2.5.29.17", true); /* critical, as the subject is empty */
    der = ASN1_STRING_get0_data(value);
    names = d2i_GENERAL_NAMES(NULL, &der, ASN1_STRING_length(value));
    assert_int_equal(sk_GENERAL_NAME_num(names), 3);
    for (int i = 0; i < 3; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        assert_int_equal(name->type, i == 0 ? GEN_URI : GEN_DNS);
        expect_bytes(name->d.ia5, expected[i], strlen(expected[i]));
    }
    GENERAL_NAMES_free(names);
}

static void read_result(const struct fixture *f, struct ear *out_ear)
{
    const ASN1_OCTET_STRING *value = extension(f, "1.3.6.1.5.5.7.1.35", false);
    const unsigned char *der = ASN1_STRING_get0_data(value);
    ASN1_OCTET_STRING *cmw = d2i_ASN1_OCTET_STRING(NULL, &der, ASN1_STRING_length(value));
    struct err err = {0};

    assert_non_null(cmw);
    if (ear_decode((struct bytes){ASN1_STRING_get0_data(cmw), (size_t)ASN1_STRING_length(cmw)},
                   out_ear, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    ASN1_OCTET_STRING_free(cmw);
}

static void the_attestation_result_says_what_was_proved(void **state)
{
    struct fixture *f = *state;
    struct ear ear;

    issue_at(f, NOW);
    read_result(f, &ear);
    assert_int_equal(ear.iat, NOW);
    assert_int_equal(ear.status, EAR_AFFIRMING);
    assert_true(ear.genuine);
    assert_false(ear.instance_identified);
    assert_string_equal(ear.policy_id, f->ca.id);
    assert_string_equal(ear.tee, "snp");
    assert_int_equal(ear.epoch, 42);
    assert_int_equal(ear.measurement_len, 48);
    assert_memory_equal(ear.measurement, f->claims.measurement, 48);
    assert_int_equal(ear.guest_policy, 0x30000);
    assert_int_equal(ear.tcb[TCB_SNP], 21);
    assert_true(ear.tcb_present[TCB_SNP]);
    assert_false(ear.tcb_present[TCB_FMC]);
    assert_string_equal(ear.verifier_build, "liftgate-ca " LIFTGATE_VERSION);
}

static void a_simulated_machine_is_affirmed_of_nothing(void **state)
{
    struct fixture *f = *state;
    struct ear ear;

    f->claims.tee = TEE_SIM;
    issue_at(f, NOW);
    read_result(f, &ear);
    assert_int_equal(ear.status, EAR_NONE);
    assert_false(ear.genuine);
    assert_string_equal(ear.tee, "sim");
}

static void the_chip_stays_out_of_the_certificate(void **state)
{
    struct fixture *f = *state;
    unsigned char *der = NULL;
    int len = 0;

    issue_at(f, NOW);
    len = i2d_X509(f->leaf, &der);
    assert_true(len > 8);
    assert_null(memmem(der, (size_t)len, f->claims.chip, 8));
    OPENSSL_free(der);
}

/* X509_V_OK, or why not; `anchor` is the only certificate that is trusted. */
static int verify(const struct fixture *f, X509 *anchor, int purpose, unsigned long flags)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    int error = X509_V_OK;

    assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    sk_X509_push(untrusted, f->authority.keys.issuing);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, f->leaf, untrusted), 1);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | flags);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)NOW);
    X509_STORE_CTX_set_purpose(ctx, purpose);
    if (X509_verify_cert(ctx) != 1) {
        error = X509_STORE_CTX_get_error(ctx);
    }
    sk_X509_free(untrusted);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return error;
}

static void strict_verification_accepts_the_chain_in_both_roles(void **state)
{
    static const int purposes[] = {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT};
    struct fixture *f = *state;

    issue_at(f, NOW);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(verify(f, f->authority.keys.root, purposes[i], 0), X509_V_OK);
        assert_int_equal(
            verify(f, f->authority.keys.issuing, purposes[i], X509_V_FLAG_PARTIAL_CHAIN),
            X509_V_OK);
    }
}

static void the_issuing_ca_is_bound_to_its_trust_domain(void **state)
{
    struct fixture *f = *state;

    f->grant.spiffe = "spiffe://test.example/snp/app";
    issue_at(f, NOW);
    assert_int_equal(verify(f, f->authority.keys.root, X509_PURPOSE_SSL_CLIENT, 0),
                     X509_V_ERR_PERMITTED_VIOLATION);
}

static void no_leaf_outlives_its_issuer(void **state)
{
    struct fixture *f = *state;
    int64_t end = keys_not_after(f->authority.keys.issuing);
    const struct issue_request request = {f->key, &f->claims, &f->ca, &f->grant, end};
    uint8_t storage[4096];
    struct buf out = buf_over(storage, sizeof(storage));
    struct err err = {0};

    issue_at(f, end - 60);
    assert_int_equal(f->issued.not_after, end);
    assert_int_equal(seconds(X509_get0_notAfter(f->leaf)), end);
    assert_int_equal(issue_leaf(&f->authority.enrol.issuer, &request, &f->issued, &out, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(out.len, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_leaf_has_exactly_the_fields_of_its_profile),
        CASE(the_extensions_have_their_exact_bytes),
        CASE(the_names_are_those_of_the_grant),
        CASE(the_attestation_result_says_what_was_proved),
        CASE(a_simulated_machine_is_affirmed_of_nothing),
        CASE(the_chip_stays_out_of_the_certificate),
        CASE(strict_verification_accepts_the_chain_in_both_roles),
        CASE(the_issuing_ca_is_bound_to_its_trust_domain),
        CASE(no_leaf_outlives_its_issuer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
