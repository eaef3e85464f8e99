/*
 * Svid rules: each rule for a leaf, with one made to break it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tests/lib/peer.h"

#define PEER_ID_HEX "7370696666653a2f2f70726f642e6578616d706c652f736e702f617069"
#define LABEL_32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_64 LABEL_32 LABEL_32
#define NAME_127                                                                                   \
    LABEL_32 ".bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb." LABEL_32 ".bbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NAME_254 NAME_127 "." NAME_127 /* one too long; its labels are good */

static void leaves_with_a_bad_extension_are_refused(void **state)
{
    static const struct {
        int nid;
        const char *value; /* NULL: left out */
        const char *reason;
    } cases[] = {
        {NID_basic_constraints, "critical,CA:TRUE", "leaf is a CA"},
        {NID_basic_constraints, "critical,DER:0500", "malformed extension"},
        {NID_basic_constraints, "critical,DER:30000500", "leaf is a CA"},
        {NID_key_usage, NULL, "no keyUsage"},
        {NID_key_usage, "critical,digitalSignature,keyCertSign", "keyUsage of a CA"},
        {NID_key_usage, "critical,digitalSignature,cRLSign", "keyUsage of a CA"},
        {NID_key_usage, "critical,keyAgreement", "without digitalSignature"},
        {NID_ext_key_usage, NULL, "no valid extKeyUsage"},
        {NID_ext_key_usage, "DER:0500", "malformed extension"},
        {NID_ext_key_usage, "DER:3000", "without both"},
        {NID_ext_key_usage, "critical,serverAuth,clientAuth", "critical extKeyUsage"},
        {NID_ext_key_usage, "serverAuth,clientAuth,anyExtendedKeyUsage", "anyExtendedKeyUsage"},
        {NID_ext_key_usage, "serverAuth", "without both"},
        {NID_ext_key_usage, "clientAuth", "without both"},
        {NID_name_constraints, "critical,permitted;URI:prod.example", "nameConstraints in a leaf"},
        {NID_name_constraints, "permitted;URI:prod.example", "nameConstraints in a leaf"},
        {NID_info_access, "DER:0500", "malformed authorityInfoAccess"},
        {NID_info_access, "DER:3000", "malformed authorityInfoAccess"},
        {NID_subject_alt_name, NULL, "no valid subjectAltName"},
        {NID_subject_alt_name, "critical,URI:" PEER_ID, "if and only if"},
        {NID_subject_alt_name, "DER:3000", "no URI name"},
        {NID_subject_alt_name, "DER:301f861d" PEER_ID_HEX "0500", "no valid subjectAltName"},
        {NID_subject_alt_name, "DER:30810201ff", "malformed extension"},
        {NID_subject_alt_name, "DNS:api.prod.example", "no URI name"},
        {NID_subject_alt_name, "URI:" PEER_ID ",URI:spiffe://prod.example/b", "several URI names"},
        {NID_subject_alt_name, "URI:" PEER_ID ",URI:" PEER_ID, "several URI names"},
        {NID_subject_alt_name, "URI:https://prod.example/snp/api", "no SPIFFE ID"},
        {NID_subject_alt_name, "URI:spiffe://prod.example", "no SPIFFE ID"},
        {NID_subject_alt_name, "URI:spiffe://prod.example/a/../b", "no SPIFFE ID"},
        {NID_subject_alt_name, "URI:spiffe://prod.example.evil/snp/api", "another trust domain"},
        {NID_subject_alt_name, "URI:spiffe://prod.exampl/snp/api", "another trust domain"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:*.prod.example", "wildcard"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:*", "wildcard"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:a_b.example", "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:-a.example", "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:a-.example", "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:a..example", "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:a.example.", "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:a example", "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:" LABEL_64, "character"},
        {NID_subject_alt_name, "URI:" PEER_ID ",DNS:" NAME_254, "character"},
    };
    struct peer *peer = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(peer->leaf);
        X509 *leaf = NULL;

        peer_replace(made, peer->pki.ca, cases[i].nid, cases[i].value);
        leaf = peer_received(made, peer->pki.ca_key);
        peer_refused_for(peer, i, leaf, cases[i].reason);
        X509_free(made);
        X509_free(leaf);
    }
}

static void harmless_extensions_are_accepted(void **state)
{
    static const struct {
        int nid;
        const char *value;
    } cases[] = {
        {NID_basic_constraints, NULL},
        {NID_key_usage, "critical,digitalSignature,keyAgreement"},
        {NID_ext_key_usage, "clientAuth,serverAuth,emailProtection"},
        {NID_info_access, "caIssuers;URI:http://ca.prod.example/issuing"},
        {NID_subject_alt_name, "DNS:a-1.prod.example,URI:" PEER_ID ",DNS:api,IP:127.0.0.1"},
    };
    struct peer *peer = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(peer->leaf);
        X509 *leaf = NULL;

        peer_replace(made, peer->pki.ca, cases[i].nid, cases[i].value);
        leaf = peer_received(made, peer->pki.ca_key);
        if (peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)) != 0) {
            fail_msg("row %zu: %s", i, peer->err.msg);
        }
        assert_string_equal(peer->svid.spiffe, PEER_ID);
        X509_free(made);
        X509_free(leaf);
    }
}

static void an_empty_subject_needs_a_critical_name(void **state)
{
    struct peer *peer = *state;
    X509_NAME *empty = X509_NAME_new();
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;

    assert_int_equal(X509_set_subject_name(made, empty), 1);
    leaf = peer_received(made, peer->pki.ca_key);
    peer_refused_for(peer, 0, leaf, "if and only if");
    X509_free(leaf);
    peer_replace(made, peer->pki.ca, NID_subject_alt_name, "critical,URI:" PEER_ID);
    leaf = peer_received(made, peer->pki.ca_key);
    assert_int_equal(peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     0);
    X509_free(leaf);
    X509_free(made);
    X509_NAME_free(empty);
}

/* Signed by hand: X509_sign() of OpenSSL 3.5 gives whatever has extensions version 3. */
static X509 *with_version(const struct peer *peer, long version)
{
    X509 *leaf = X509_dup(peer->leaf);
    const ASN1_BIT_STRING *signature = NULL;
    ASN1_BIT_STRING *value = NULL;
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    uint8_t made[80];
    size_t made_len = sizeof(made);
    uint8_t *tbs = NULL;
    int tbs_len = 0;

    assert_int_equal(X509_set_version(leaf, version), 1);
    tbs_len = i2d_re_X509_tbs(leaf, &tbs);
    assert_true(tbs_len > 0);
    assert_int_equal(EVP_DigestSignInit(signing, NULL, EVP_sha256(), NULL, peer->pki.ca_key), 1);
    assert_int_equal(EVP_DigestSign(signing, made, &made_len, tbs, (size_t)tbs_len), 1);
    X509_get0_signature(&signature, NULL, leaf);
    value = (ASN1_BIT_STRING *)(uintptr_t)signature; /* there is no X509_set1_signature() */
    assert_int_equal(ASN1_STRING_set(value, made, (int)made_len), 1);
    EVP_MD_CTX_free(signing);
    OPENSSL_free(tbs);
    return leaf;
}

static void only_version_3_is_accepted(void **state)
{
    struct peer *peer = *state;

    for (long version = X509_VERSION_1; version < X509_VERSION_3; version++) {
        X509 *leaf = with_version(peer, version);

        peer_refused_for(peer, (size_t)version, leaf, "not version 3");
        X509_free(leaf);
    }
}

static void serial_numbers_are_positive_and_at_most_20_octets(void **state)
{
    static const struct {
        const char *serial;
        const char *reason; /* NULL: accepted */
    } cases[] = {
        {"1", NULL},
        {"ff", NULL},
        {"7fffffffffffffffffffffffffffffffffffffff", NULL},
        {"0", "not positive"},
        {"-1", "not positive"},
        {"-80", "not positive"},
        {"80ffffffffffffffffffffffffffffffffffffff", "over 20 octets"},
        {"01ffffffffffffffffffffffffffffffffffffffff", "over 20 octets"},
    };
    struct peer *peer = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(peer->leaf);
        X509 *leaf = NULL;

        peer_set_serial(made, cases[i].serial);
        leaf = peer_received(made, peer->pki.ca_key);
        if (cases[i].reason != NULL) {
            peer_refused_for(peer, i, leaf, cases[i].reason);
        } else {
            assert_int_equal(
                peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)), 0);
            assert_int_equal(peer->svid.serial_len, (strlen(cases[i].serial) + 1) / 2);
        }
        X509_free(made);
        X509_free(leaf);
    }
}

static void too_many_extensions_are_refused(void **state)
{
    struct peer *peer = *state;
    X509 *made = X509_dup(peer->leaf);
    X509 *leaf = NULL;

    for (int i = 0; i < 40; i++) {
        char text[32] = "";
        ASN1_OBJECT *oid = NULL;
        ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
        X509_EXTENSION *extension = NULL;

        (void)snprintf(text, sizeof(text), "1.3.6.1.4.1.99999.%d", i);
        oid = OBJ_txt2obj(text, 1);
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, data);
        assert_int_equal(X509_add_ext(made, extension, -1), 1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(data);
        ASN1_OBJECT_free(oid);
    }
    leaf = peer_received(made, peer->pki.ca_key);
    peer_refused_for(peer, 0, leaf, "too many extensions");
    X509_free(leaf);
    X509_free(made);
}

static EVP_PKEY *dsa_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_DSA, NULL);
    EVP_PKEY *parameters = NULL;
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_paramgen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, 1024), 1);
    assert_int_equal(EVP_PKEY_paramgen(ctx, &parameters), 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new(parameters, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(parameters);
    return key;
}

static EVP_PKEY *rsa_pss_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *explicit_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                    OSSL_PKEY_EC_ENCODING_EXPLICIT),
                     1);
    return key;
}

/* A new key: "rsa1024" and the like, a name of a special one, or a curve. */
static EVP_PKEY *make_key(const char *name)
{
    EVP_PKEY *key = NULL;

    if (strncmp(name, "rsa", 3) == 0) {
        key = EVP_RSA_gen((unsigned int)strtoul(name + 3, NULL, 10));
    } else if (strcmp(name, "pss") == 0) {
        key = rsa_pss_key();
    } else if (strcmp(name, "dsa") == 0) {
        key = dsa_key();
    } else if (strcmp(name, "explicit") == 0) {
        key = explicit_key();
    } else if (name[0] == 'E') {
        key = EVP_PKEY_Q_keygen(NULL, NULL, name);
    } else {
        key = EVP_EC_gen(name);
    }
    assert_non_null(key);
    return key;
}

static void only_some_keys_are_accepted(void **state)
{
    static const struct {
        const char *key;
        const char *reason; /* NULL: accepted */
    } cases[] = {
        {"P-256", NULL},
        {"P-384", NULL},
        {"P-521", NULL},
        {"ED25519", NULL},
        {"rsa2048", NULL},
        {"rsa1024", "RSA key of a bad size"},
        {"rsa2052", "RSA key of a bad size"},
        {"pss", "algorithm"},
        {"ED448", "algorithm"},
        {"dsa", "algorithm"},
        {"P-192", "curve that is not allowed"},
        {"P-224", "curve that is not allowed"},
        {"secp256k1", "curve that is not allowed"},
        {"brainpoolP256r1", "curve that is not allowed"},
        {"explicit", "unnamed curve"},
    };
    struct peer *peer = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EVP_PKEY *key = make_key(cases[i].key);
        X509 *made = X509_dup(peer->leaf);
        X509 *leaf = NULL;

        assert_int_equal(X509_set_pubkey(made, key), 1);
        leaf = peer_received(made, peer->pki.ca_key);
        if (cases[i].reason != NULL) {
            peer_refused_for(peer, i, leaf, cases[i].reason);
        } else if (peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)) !=
                   0) {
            fail_msg("row %zu: %s", i, peer->err.msg);
        }
        X509_free(made);
        X509_free(leaf);
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaves_with_a_bad_extension_are_refused, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(harmless_extensions_are_accepted, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(an_empty_subject_needs_a_critical_name, peer_setup,
                                        peer_teardown),
        cmocka_unit_test_setup_teardown(only_version_3_is_accepted, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(serial_numbers_are_positive_and_at_most_20_octets,
                                        peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(too_many_extensions_are_refused, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(only_some_keys_are_accepted, peer_setup, peer_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
