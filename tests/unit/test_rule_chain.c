/*
 * Rows 21 to 41: the three certificates, one thing broken at a time and signed anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "attest/simcert.h"
#include "common/err.h"
#include "tests/lib/specimen.h"

#define DAY 86400

static void no_vek(struct specimen *specimen)
{
    specimen->vek.len = 0;
}

static void no_ask(struct specimen *specimen)
{
    specimen->ask.len = 0;
}

static void no_ark(struct specimen *specimen)
{
    specimen->ark.len = 0;
}

static void vek_cut(struct specimen *specimen)
{
    specimen->vek.len--;
}

static void vek_with_tail(struct specimen *specimen)
{
    specimen->vek.data[specimen->vek.len++] = 0;
}

static void ark_cut(struct specimen *specimen)
{
    specimen->ark.len--;
}

static void two_pem_blocks(struct specimen *specimen)
{
    specimen_to_pem(&specimen->vek);
    memcpy(specimen->vek.data + specimen->vek.len, specimen->vek.data, specimen->vek.len);
    specimen->vek.len *= 2;
}

static void pem_with_text(struct specimen *specimen)
{
    specimen_to_pem(&specimen->vek);
    specimen->vek.data[specimen->vek.len++] = '#';
}

/* The version's INTEGER 2 with one byte more than it needs would be BER, not DER. */
static void ber_length(struct specimen *specimen)
{
    specimen->vek.data[8] = 0xa0; /* [0] stays, its length becomes long-form */
    specimen->vek.data[9] = 0x81;
}

static X509_EXTENSION *make_extension(const char *oid, int critical, size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    static const uint8_t zeros[4096];
    X509_EXTENSION *extension = NULL;

    assert_true(len <= sizeof(zeros));
    assert_int_equal(ASN1_OCTET_STRING_set(value, zeros, (int)len), 1);
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    assert_non_null(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return extension;
}

static void add_to(struct specimen_cert *cert, EVP_PKEY *signer, const char *oid, int critical,
                   size_t len)
{
    X509 *x509 = specimen_open(cert);
    X509_EXTENSION *extension = make_extension(oid, critical, len);

    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
    specimen_close(cert, x509, signer);
}

static void vek_too_long(struct specimen *specimen)
{
    add_to(&specimen->vek, specimen->ask_key, "1.2.3.4", 0, 4096);
}

static void vek_too_long_in_pem(struct specimen *specimen)
{
    vek_too_long(specimen);
    specimen_to_pem(&specimen->vek);
}

static void vek_version_2(struct specimen *specimen)
{
    static const uint8_t version_3[] = {0xa0, 3, 2, 1, X509_VERSION_3};
    uint8_t *at = memmem(specimen->vek.data, 20, version_3, sizeof(version_3));

    assert_non_null(at);
    at[4] = X509_VERSION_2;
    specimen_sign_der(&specimen->vek, specimen->ask_key);
}

static void vek_extension_twice(struct specimen *specimen)
{
    add_to(&specimen->vek, specimen->ask_key, "1.3.6.1.4.1.3704.1.1", 0, 3);
}

static void ask_extension_twice(struct specimen *specimen)
{
    add_to(&specimen->ask, specimen->ark_key, "2.5.29.14", 0, 3);
}

static void vek_critical_extension(struct specimen *specimen)
{
    add_to(&specimen->vek, specimen->ask_key, "1.2.3.4", 1, 3);
}

static void ask_critical_extension(struct specimen *specimen)
{
    add_to(&specimen->ask, specimen->ark_key, "2.5.29.30", 1, 3);
}

/* The outer AlgorithmIdentifier is not covered by the signature. */
static void outer_algorithm(struct specimen *specimen)
{
    size_t last = specimen->vek.len - 512 - 5 - 1; /* before the BIT STRING's five octets */

    assert_int_equal(specimen->vek.data[last], 0x30); /* the salt's length */
    specimen->vek.data[last] = 0x31;
}

static void sign_otherwise(struct specimen_cert *cert, EVP_PKEY *signer, const EVP_MD *digest,
                           int salt)
{
    X509 *x509 = specimen_open(cert);
    EVP_PKEY_CTX *params = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t *der = NULL;
    int len = 0;

    assert_int_equal(EVP_DigestSignInit(context, &params, digest, NULL, signer), 1);
    if (salt > 0) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, salt), 1);
    }
    assert_true(X509_sign_ctx(x509, context) > 0);
    len = i2d_X509(x509, &der);
    assert_true(len > 0);
    memcpy(cert->data, der, (size_t)len);
    cert->len = (size_t)len;
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    X509_free(x509);
}

static void vek_pkcs1(struct specimen *specimen)
{
    sign_otherwise(&specimen->vek, specimen->ask_key, EVP_sha384(), 0);
}

static void ask_pkcs1(struct specimen *specimen)
{
    sign_otherwise(&specimen->ask, specimen->ark_key, EVP_sha384(), 0);
}

static void vek_salt_32(struct specimen *specimen)
{
    sign_otherwise(&specimen->vek, specimen->ask_key, EVP_sha384(), 32);
}

static void ask_sha256(struct specimen *specimen)
{
    sign_otherwise(&specimen->ask, specimen->ark_key, EVP_sha256(), 48);
}

static void anchor_of_another_key(struct specimen *specimen)
{
    specimen->anchors[0].spki_sha256[0] ^= 1;
}

/* A hierarchy of one's own, with the root given by the caller. */
static void root_of_other_names(struct specimen *specimen)
{
    struct err err;
    EVP_PKEY *root_key = specimen->ask_key;
    X509 *ark = simcert_ark("Rome", root_key, &err);
    X509 *ask = simcert_ask("Rome", false, specimen->ark_key, root_key, &err);

    assert_true(ark != NULL && ask != NULL);
    specimen_close(&specimen->ark, ark, root_key);
    specimen_close(&specimen->ask, ask, root_key);
}

/* Vendor names and the evidence's own root; the genuine one is not at hand. */
static void forged_root(struct specimen *specimen)
{
    struct err err;
    X509 *ark = simcert_ark("Milan", specimen->ask_key, &err);

    specimen_close(&specimen->ark, ark, specimen->ask_key);
    specimen_close(&specimen->ask, specimen_open(&specimen->ask), specimen->ask_key);
}

/* The pinned key, but dates that it did not sign. */
static void root_signed_by_another(struct specimen *specimen)
{
    specimen_close(&specimen->ark, specimen_open(&specimen->ark), specimen->ask_key);
}

static void authority_key_id(struct specimen *specimen)
{
    X509 *x509 = specimen_open(&specimen->ask);
    AUTHORITY_KEYID *id = X509_get_ext_d2i(x509, NID_authority_key_identifier, NULL, NULL);

    assert_non_null(id);
    assert_int_equal(ASN1_OCTET_STRING_set(id->keyid, (const unsigned char *)"other", 5), 1);
    assert_int_equal(
        X509_add1_ext_i2d(x509, NID_authority_key_identifier, id, 0, X509V3_ADD_REPLACE), 1);
    AUTHORITY_KEYID_free(id);
    specimen_close(&specimen->ask, x509, specimen->ark_key);
}

/* A sound chain under the simulated root, sent as if it came from hardware, and the reverse. */
static void simulated_root_for_hardware(struct specimen *specimen)
{
    specimen->provider = "sev_guest";
}

static void vendor_root_for_the_simulator(struct specimen *specimen)
{
    specimen->anchors[1] = specimen->anchors[0];
    specimen->anchors[1].spki_sha256[0] ^= 1;
    specimen->anchors[1].provider = PROVIDER_SIM;
    specimen->options.num_anchors = 2;
    specimen->provider = "sim";
}

static void set_dates(struct specimen_cert *cert, EVP_PKEY *signer, int64_t from, int64_t to)
{
    X509 *x509 = specimen_open(cert);

    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)from));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)to));
    specimen_close(cert, x509, signer);
}

static void ark_expired(struct specimen *specimen)
{
    set_dates(&specimen->ark, specimen->ark_key, 0, SPECIMEN_NOW - 1);
}

static void ark_not_yet_valid(struct specimen *specimen)
{
    set_dates(&specimen->ark, specimen->ark_key, SPECIMEN_NOW + 1, SPECIMEN_NOW + DAY);
}

static void set_key(struct specimen_cert *cert, EVP_PKEY *key, EVP_PKEY *signer)
{
    X509 *x509 = specimen_open(cert);

    assert_non_null(key);
    assert_int_equal(X509_set_pubkey(x509, key), 1);
    EVP_PKEY_free(key);
    specimen_close(cert, x509, signer);
}

static void ask_rsa_2048(struct specimen *specimen)
{
    set_key(&specimen->ask, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), specimen->ark_key);
}

static void ask_p384(struct specimen *specimen)
{
    set_key(&specimen->ask, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), specimen->ark_key);
}

static void ask_signed_by_itself(struct specimen *specimen)
{
    specimen_close(&specimen->ask, specimen_open(&specimen->ask), specimen->ask_key);
}

static void set_constraints(struct specimen *specimen, int ca, int pathlen, int critical)
{
    X509 *x509 = specimen_open(&specimen->ask);
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

    constraints->ca = ca;
    if (pathlen >= 0) {
        constraints->pathlen = ASN1_INTEGER_new();
        assert_int_equal(ASN1_INTEGER_set(constraints->pathlen, pathlen), 1);
    }
    assert_int_equal(
        X509_add1_ext_i2d(x509, NID_basic_constraints, constraints, critical, X509V3_ADD_REPLACE),
        1);
    BASIC_CONSTRAINTS_free(constraints);
    specimen_close(&specimen->ask, x509, specimen->ark_key);
}

static void ask_ca_false(struct specimen *specimen)
{
    set_constraints(specimen, 0, -1, 1);
}

static void ask_ca_not_critical(struct specimen *specimen)
{
    set_constraints(specimen, 0xff, 0, 0);
}

static void ask_without_pathlen(struct specimen *specimen)
{
    set_constraints(specimen, 0xff, -1, 1);
}

static void ask_pathlen_1(struct specimen *specimen)
{
    set_constraints(specimen, 0xff, 1, 1);
}

static void set_usage(struct specimen *specimen, int bit, int critical)
{
    X509 *x509 = specimen_open(&specimen->ask);
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();

    assert_int_equal(ASN1_BIT_STRING_set_bit(usage, bit, 1), 1);
    assert_int_equal(X509_add1_ext_i2d(x509, NID_key_usage, usage, critical, X509V3_ADD_REPLACE),
                     1);
    ASN1_BIT_STRING_free(usage);
    specimen_close(&specimen->ask, x509, specimen->ark_key);
}

static void ask_usage_signature(struct specimen *specimen)
{
    set_usage(specimen, 0, 1);
}

static void ask_usage_not_critical(struct specimen *specimen)
{
    set_usage(specimen, 5, 0);
}

static X509_NAME *name_with(X509 *x509, const char *common_name)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x509));
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    assert_true(at >= 0);
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, at));
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)common_name, -1, -1, 0),
                     1);
    return name;
}

/* Renames the ASK, in its own certificate and as the VEK's issuer. */
static void rename_ask(struct specimen *specimen, const char *common_name)
{
    X509 *ask = specimen_open(&specimen->ask);
    X509 *vek = specimen_open(&specimen->vek);
    X509_NAME *name = name_with(ask, common_name);

    assert_int_equal(X509_set_subject_name(ask, name), 1);
    assert_int_equal(X509_set_issuer_name(vek, name), 1);
    X509_NAME_free(name);
    specimen_close(&specimen->ask, ask, specimen->ark_key);
    specimen_close(&specimen->vek, vek, specimen->ask_key);
}

static void ask_of_genoa(struct specimen *specimen)
{
    rename_ask(specimen, "SEV-Genoa");
}

static void asvk_for_a_vcek(struct specimen *specimen)
{
    rename_ask(specimen, "SEV-VLEK-Milan");
}

static void ask_for_a_vlek(struct specimen *specimen)
{
    rename_ask(specimen, "SEV-Milan");
}

static void ask_of_a_longer_name(struct specimen *specimen)
{
    rename_ask(specimen, "SEV-Milan2");
}

static void set_issuer(struct specimen_cert *cert, const char *common_name, EVP_PKEY *signer)
{
    X509 *x509 = specimen_open(cert);
    X509_NAME *name = name_with(x509, common_name);

    assert_int_equal(X509_set_issuer_name(x509, name), 1);
    X509_NAME_free(name);
    specimen_close(cert, x509, signer);
}

static void ask_of_an_issuer_of_another_name(struct specimen *specimen)
{
    set_issuer(&specimen->ask, "OWN-Milan", specimen->ark_key);
}

static void ask_not_yet_valid(struct specimen *specimen)
{
    set_dates(&specimen->ask, specimen->ark_key, SPECIMEN_NOW + 301, SPECIMEN_NOW + DAY);
}

static void ask_expired(struct specimen *specimen)
{
    set_dates(&specimen->ask, specimen->ark_key, 0, SPECIMEN_NOW - 1);
}

static void vek_of_another_issuer(struct specimen *specimen)
{
    set_issuer(&specimen->vek, "SEV-Genoa", specimen->ask_key);
}

static void vek_signed_by_another(struct specimen *specimen)
{
    specimen_close(&specimen->vek, specimen_open(&specimen->vek), specimen->ark_key);
}

static void vek_not_yet_valid(struct specimen *specimen)
{
    specimen->options.now = SPECIMEN_NOT_BEFORE - 301;
}

static void vek_expired(struct specimen *specimen)
{
    specimen->options.now = SPECIMEN_NOT_BEFORE + (int64_t)7 * 365 * DAY + 1;
}

static void vlek_expired(struct specimen *specimen)
{
    specimen->options.now = SPECIMEN_NOT_BEFORE + (int64_t)365 * DAY + 1;
}

static void vek_p256(struct specimen *specimen)
{
    set_key(&specimen->vek, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), specimen->ask_key);
}

static void vek_rsa(struct specimen *specimen)
{
    assert_int_equal(EVP_PKEY_up_ref(specimen->ark_key), 1);
    set_key(&specimen->vek, specimen->ark_key, specimen->ask_key);
}

/* A point whose y is altered: each x fits two, far apart. */
static void vek_off_the_curve(struct specimen *specimen)
{
    static const uint8_t curve[] = {0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};
    size_t at = 0;

    while (memcmp(specimen->vek.data + at, curve, sizeof(curve)) != 0) {
        at++;
    }
    specimen->vek.data[at + sizeof(curve) + 95] ^= 1;
    specimen_sign_der(&specimen->vek, specimen->ask_key);
}

static void vek_with(struct specimen *specimen, int nid, void *value)
{
    X509 *x509 = specimen_open(&specimen->vek);

    assert_int_equal(X509_add1_ext_i2d(x509, nid, value, 1, 0), 1);
    specimen_close(&specimen->vek, x509, specimen->ask_key);
}

static void vek_ca(struct specimen *specimen)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

    constraints->ca = 0xff;
    vek_with(specimen, NID_basic_constraints, constraints);
    BASIC_CONSTRAINTS_free(constraints);
}

static void vek_cert_sign(struct specimen *specimen)
{
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();

    assert_int_equal(ASN1_BIT_STRING_set_bit(usage, 5, 1), 1);
    vek_with(specimen, NID_key_usage, usage);
    ASN1_BIT_STRING_free(usage);
}

static void vek_bad_constraints(struct specimen *specimen)
{
    add_to(&specimen->vek, specimen->ask_key, "2.5.29.19", 0, 3);
}

static void rename_vek(struct specimen *specimen, const char *common_name)
{
    X509 *x509 = specimen_open(&specimen->vek);
    X509_NAME *name = name_with(x509, common_name);

    assert_int_equal(X509_set_subject_name(x509, name), 1);
    X509_NAME_free(name);
    specimen_close(&specimen->vek, x509, specimen->ask_key);
}

static void vek_of_a_longer_name(struct specimen *specimen)
{
    rename_vek(specimen, "SEV-VCEK2");
}

#define SIM                                                                                        \
    {                                                                                              \
        "Sim", 5, NULL                                                                             \
    }
#define VLEK                                                                                       \
    {                                                                                              \
        "Milan", 3, "CN=cc-us-east-2.example"                                                      \
    }

// clang-format off
static const struct specimen_case cases[] = {
    {"vek-missing",    21, VERDICT_COLLATERAL_UNAVAILABLE, no_vek, {0}},
    {"ask-missing",    21, VERDICT_COLLATERAL_UNAVAILABLE, no_ask, {0}},
    {"ark-missing",    21, VERDICT_COLLATERAL_UNAVAILABLE, no_ark, {0}},
    {"cert-too-long",  22, VERDICT_CHAIN_INVALID, vek_too_long, {0}},
    {"cert-too-long",  22, VERDICT_CHAIN_INVALID, vek_too_long_in_pem, {0}},
    {"cert-malformed", 23, VERDICT_CHAIN_INVALID, vek_cut, {0}},
    {"cert-malformed", 23, VERDICT_CHAIN_INVALID, vek_with_tail, {0}},
    {"cert-malformed", 23, VERDICT_CHAIN_INVALID, ark_cut, {0}},
    {"cert-malformed", 23, VERDICT_CHAIN_INVALID, two_pem_blocks, {0}},
    {"cert-malformed", 23, VERDICT_CHAIN_INVALID, pem_with_text, {0}},
    {"cert-malformed", 23, VERDICT_CHAIN_INVALID, ber_length, {0}},
    {"cert-version",   24, VERDICT_CHAIN_INVALID, vek_version_2, {0}},
    {"cert-duplicate-extension", 25, VERDICT_CHAIN_INVALID, vek_extension_twice, {0}},
    {"cert-duplicate-extension", 25, VERDICT_CHAIN_INVALID, ask_extension_twice, {0}},
    {"cert-critical-extension",  25, VERDICT_CHAIN_INVALID, vek_critical_extension, {0}},
    {"cert-critical-extension",  25, VERDICT_CHAIN_INVALID, ask_critical_extension, {0}},
    {"cert-algorithm-mismatch",  26, VERDICT_CHAIN_INVALID, outer_algorithm, {0}},
    {"cert-not-pss",   26, VERDICT_CHAIN_INVALID, vek_pkcs1, {0}},
    {"cert-not-pss",   26, VERDICT_CHAIN_INVALID, ask_pkcs1, {0}},
    {"pss-params",     27, VERDICT_CHAIN_INVALID, vek_salt_32, {0}},
    {"pss-params",     27, VERDICT_CHAIN_INVALID, ask_sha256, {0}},
    {"ark-not-pinned", 28, VERDICT_CHAIN_INVALID, anchor_of_another_key, {0}},
    {"ark-not-pinned", 28, VERDICT_CHAIN_INVALID, root_of_other_names, {0}},
    {"ark-not-pinned", 28, VERDICT_CHAIN_INVALID, forged_root, {0}},
    {"ark-not-pinned", 28, VERDICT_CHAIN_INVALID, root_signed_by_another, {0}},
    {"ark-not-pinned", 28, VERDICT_CHAIN_INVALID, authority_key_id, {0}},
    {"ark-not-pinned", 28, VERDICT_CHAIN_INVALID, ask_of_an_issuer_of_another_name, {0}},
    {"provider-mismatch", 29, VERDICT_CHAIN_INVALID, simulated_root_for_hardware, SIM},
    {"provider-mismatch", 29, VERDICT_CHAIN_INVALID, vendor_root_for_the_simulator, {0}},
    {"ark-validity",   30, VERDICT_CHAIN_INVALID, ark_expired, {0}},
    {"ark-validity",   30, VERDICT_CHAIN_INVALID, ark_not_yet_valid, {0}},
    {"ask-key",        31, VERDICT_CHAIN_INVALID, ask_rsa_2048, {0}},
    {"ask-key",        31, VERDICT_CHAIN_INVALID, ask_p384, {0}},
    {"ask-signature",  32, VERDICT_CHAIN_INVALID, ask_signed_by_itself, {0}},
    {"ask-not-ca",     33, VERDICT_CHAIN_INVALID, ask_ca_false, {0}},
    {"ask-not-ca",     33, VERDICT_CHAIN_INVALID, ask_ca_not_critical, {0}},
    {"ask-pathlen",    33, VERDICT_CHAIN_INVALID, ask_without_pathlen, {0}},
    {"ask-pathlen",    33, VERDICT_CHAIN_INVALID, ask_pathlen_1, {0}},
    {"ask-key-usage",  33, VERDICT_CHAIN_INVALID, ask_usage_signature, {0}},
    {"ask-key-usage",  33, VERDICT_CHAIN_INVALID, ask_usage_not_critical, {0}},
    {"ask-name",       34, VERDICT_CHAIN_INVALID, ask_of_genoa, {0}},
    {"ask-name",       34, VERDICT_CHAIN_INVALID, asvk_for_a_vcek, {0}},
    {"ask-name",       34, VERDICT_CHAIN_INVALID, ask_for_a_vlek, VLEK},
    {"ask-name",       34, VERDICT_CHAIN_INVALID, ask_of_a_longer_name, {0}},
    {"ask-not-yet-valid", 35, VERDICT_CHAIN_INVALID, ask_not_yet_valid, {0}},
    {"ask-expired",    35, VERDICT_CHAIN_INVALID, ask_expired, {0}},
    {"vek-issuer",     36, VERDICT_CHAIN_INVALID, vek_of_another_issuer, {0}},
    {"vek-signature",  37, VERDICT_CHAIN_INVALID, vek_signed_by_another, {0}},
    {"vek-not-yet-valid", 38, VERDICT_CHAIN_INVALID, vek_not_yet_valid, {0}},
    {"vek-expired",    38, VERDICT_CHAIN_INVALID, vek_expired, {0}},
    {"vek-expired",    38, VERDICT_CHAIN_INVALID, vlek_expired, VLEK},
    {"vek-key",        39, VERDICT_CHAIN_INVALID, vek_p256, {0}},
    {"vek-key",        39, VERDICT_CHAIN_INVALID, vek_rsa, {0}},
    {"vek-key",        39, VERDICT_CHAIN_INVALID, vek_off_the_curve, {0}},
    {"vek-is-ca",      40, VERDICT_CHAIN_INVALID, vek_ca, {0}},
    {"vek-is-ca",      40, VERDICT_CHAIN_INVALID, vek_cert_sign, {0}},
    {"vek-is-ca",      40, VERDICT_CHAIN_INVALID, vek_bad_constraints, {0}},
    {"vek-name",       41, VERDICT_CHAIN_INVALID, vek_of_a_longer_name, {0}},
};
// clang-format on

int main(void)
{
    return specimen_run("rows 21 to 41", cases, sizeof(cases) / sizeof(cases[0]), NULL);
}
