/*
 * Simcert: building X.509 with OpenSSL.  The verifier shares no code with this.
 */
#include "attest/simcert.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/buf.h"
#include "common/err.h"

#define CA_NOT_BEFORE 1577836800 /* 2020-01-01 */
#define CA_VALIDITY_S (INT64_C(25) * 365 * 86400)
#define VCEK_VALIDITY_S (INT64_C(7) * 365 * 86400)
#define VLEK_VALIDITY_S (INT64_C(365) * 86400)
#define KEY_ID_LEN 20
#define RSA_BITS 4096
#define SALT_LEN 48
#define USAGE_CERT_SIGN 5 /* bits of keyUsage */
#define USAGE_CRL_SIGN 6

EVP_PKEY *simcert_new_rsa(struct err *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);

    if (key == NULL) {
        err_set_openssl(err, ERR_LIMIT, "RSA key");
    }
    return key;
}

EVP_PKEY *simcert_new_p384(struct err *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");

    if (key == NULL) {
        err_set_openssl(err, ERR_LIMIT, "P-384 key");
    }
    return key;
}

static bool add_entry(X509_NAME *name, const char *field, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1,
                                      -1, 0) == 1;
}

/* The attributes and their order are AMD's, so that simulated chains look like genuine ones. */
static X509_NAME *make_name(const char *common_name)
{
    X509_NAME *name = X509_NAME_new();

    if (name == NULL || !add_entry(name, "OU", "Engineering") || !add_entry(name, "C", "US") ||
        !add_entry(name, "L", "Santa Clara") || !add_entry(name, "ST", "CA") ||
        !add_entry(name, "O", "Advanced Micro Devices") || !add_entry(name, "CN", common_name)) {
        X509_NAME_free(name);
        return NULL;
    }
    return name;
}

/* Version, serial, names, dates and key; no extensions yet. */
static X509 *start(const char *issuer, const char *subject, EVP_PKEY *key, int64_t not_before,
                   int64_t validity_s)
{
    X509 *cert = X509_new();
    X509_NAME *issuer_name = make_name(issuer);
    X509_NAME *subject_name = make_name(subject);
    bool ok = cert != NULL && issuer_name != NULL && subject_name != NULL &&
              X509_set_version(cert, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(cert), 0) == 1 &&
              X509_set_issuer_name(cert, issuer_name) == 1 &&
              X509_set_subject_name(cert, subject_name) == 1 && X509_set_pubkey(cert, key) == 1 &&
              ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)not_before) != NULL &&
              ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(not_before + validity_s)) != NULL;

    X509_NAME_free(issuer_name);
    X509_NAME_free(subject_name);
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* What a key identifier is made of is its issuer's choice; here the SPKI's SHA-256, cut. */
static ASN1_OCTET_STRING *key_id(EVP_PKEY *key)
{
    uint8_t hash[32];
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    bool ok = len > 0 && id != NULL &&
              EVP_Digest(spki, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1 &&
              ASN1_OCTET_STRING_set(id, hash, KEY_ID_LEN) == 1;

    OPENSSL_free(spki);
    if (!ok) {
        ASN1_OCTET_STRING_free(id);
        return NULL;
    }
    return id;
}

static bool add_key_ids(X509 *cert, EVP_PKEY *key, EVP_PKEY *issuer_key)
{
    ASN1_OCTET_STRING *subject = key_id(key);
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    bool ok = subject != NULL && authority != NULL;

    if (ok) {
        authority->keyid = key_id(issuer_key);
        ok = authority->keyid != NULL &&
             X509_add1_ext_i2d(cert, NID_subject_key_identifier, subject, 0, 0) == 1 &&
             (key == issuer_key ||
              X509_add1_ext_i2d(cert, NID_authority_key_identifier, authority, 0, 0) == 1);
    }
    ASN1_OCTET_STRING_free(subject);
    AUTHORITY_KEYID_free(authority);
    return ok;
}

static bool add_ca_extensions(X509 *cert, bool root)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    bool ok = constraints != NULL && usage != NULL;

    if (ok) {
        constraints->ca = 0xff; /* written as it stands; DER wants all ones */
        if (!root) {
            constraints->pathlen = ASN1_INTEGER_new();
            ok = constraints->pathlen != NULL && ASN1_INTEGER_set(constraints->pathlen, 0) == 1;
        }
    }
    ok = ok && ASN1_BIT_STRING_set_bit(usage, USAGE_CERT_SIGN, 1) == 1 &&
         (!root || ASN1_BIT_STRING_set_bit(usage, USAGE_CRL_SIGN, 1) == 1) &&
         X509_add1_ext_i2d(cert, NID_basic_constraints, constraints, 1, 0) == 1 &&
         X509_add1_ext_i2d(cert, NID_key_usage, usage, 1, 0) == 1;
    BASIC_CONSTRAINTS_free(constraints);
    ASN1_BIT_STRING_free(usage);
    return ok;
}

int simcert_sign(X509 *cert, EVP_PKEY *issuer_key, struct err *err)
{
    EVP_PKEY_CTX *params = NULL; /* the context's */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL &&
              EVP_DigestSignInit(context, &params, EVP_sha384(), NULL, issuer_key) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(params, SALT_LEN) == 1 &&
              X509_sign_ctx(cert, context) > 0;

    EVP_MD_CTX_free(context);
    return ok ? 0 : err_set_openssl(err, ERR_LIMIT, "sign certificate");
}

/* The common end: `cert` signed, or freed and NULL. */
static X509 *finish(X509 *cert, bool ok, EVP_PKEY *issuer_key, struct err *err)
{
    if (cert == NULL || !ok) {
        err_set_openssl(err, ERR_LIMIT, "build certificate");
        X509_free(cert);
        return NULL;
    }
    if (simcert_sign(cert, issuer_key, err) != 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static X509 *make_ca(const char *subject, const char *issuer, EVP_PKEY *key, EVP_PKEY *issuer_key,
                     struct err *err)
{
    bool root = key == issuer_key;
    X509 *cert = start(issuer, subject, key, CA_NOT_BEFORE, CA_VALIDITY_S);
    bool ok = cert != NULL &&
              ASN1_INTEGER_set(X509_get_serialNumber(cert), root ? 0x10000 : 0x10001) == 1 &&
              add_key_ids(cert, key, issuer_key) && add_ca_extensions(cert, root);

    return finish(cert, ok, issuer_key, err);
}

X509 *simcert_ark(const char *product, EVP_PKEY *ark_key, struct err *err)
{
    char name[SIMCERT_NAME_CAP];

    snprintf(name, sizeof(name), "ARK-%s", product);
    return make_ca(name, name, ark_key, ark_key, err);
}

X509 *simcert_ask(const char *product, bool for_vlek, EVP_PKEY *ask_key, EVP_PKEY *ark_key,
                  struct err *err)
{
    char name[SIMCERT_NAME_CAP];
    char issuer[SIMCERT_NAME_CAP];

    snprintf(name, sizeof(name), "SEV-%s%s", for_vlek ? "VLEK-" : "", product);
    snprintf(issuer, sizeof(issuer), "ARK-%s", product);
    return make_ca(name, issuer, ask_key, ark_key, err);
}

/* Adds 1.3.6.1.4.1.3704.1.`arcs` with `content` in its OCTET STRING. */
static bool add_amd(X509 *cert, const char *arcs, const void *content, size_t len)
{
    char oid[64];
    ASN1_OBJECT *object = NULL;
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    bool ok = false;

    snprintf(oid, sizeof(oid), "1.3.6.1.4.1.3704.1.%s", arcs);
    object = OBJ_txt2obj(oid, 1);
    if (object != NULL && value != NULL && ASN1_OCTET_STRING_set(value, content, (int)len) == 1) {
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
        ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    }
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return ok;
}

static bool add_amd_number(X509 *cert, const char *arcs, uint8_t number)
{
    uint8_t der[4] = {V_ASN1_INTEGER, 1, number, 0};

    if (number >= 0x80) {
        der[1] = 2;
        der[2] = 0;
        der[3] = number;
    }
    return add_amd(cert, arcs, der, 2U + der[1]);
}

static bool add_amd_text(X509 *cert, const char *arcs, const char *text)
{
    uint8_t der[2 + 127];
    struct buf out = buf_over(der, sizeof(der));
    size_t len = strlen(text);
    const uint8_t head[2] = {V_ASN1_IA5STRING, (uint8_t)len};

    return buf_append(&out, head, sizeof(head)) && buf_append(&out, text, len) &&
           add_amd(cert, arcs, out.data, out.len);
}

static bool add_vek_extensions(X509 *cert, const struct simcert_vek *vek)
{
    bool ok = add_amd_number(cert, "1", (uint8_t)vek->layout) &&
              add_amd_text(cert, "2", vek->product_name == NULL ? vek->product : vek->product_name);

    for (size_t i = 0; ok && i < TCB_LEN; i++) {
        char arcs[8];

        snprintf(arcs, sizeof(arcs), "3.%u", tcb_spl(vek->layout, i));
        ok = add_amd_number(cert, arcs, vek->tcb[i]);
    }
    if (vek->hwid != NULL) {
        ok = ok && add_amd(cert, "4", vek->hwid, tcb_hwid_len(vek->layout));
    }
    if (vek->csp != NULL) {
        ok = ok && add_amd_text(cert, "5", vek->csp);
    }
    return ok;
}

X509 *simcert_vek(const struct simcert_vek *vek, EVP_PKEY *vek_key, EVP_PKEY *ask_key,
                  struct err *err)
{
    char issuer[SIMCERT_NAME_CAP];
    bool vlek = vek->csp != NULL;
    X509 *cert = NULL;

    snprintf(issuer, sizeof(issuer), "SEV-%s%s", vlek ? "VLEK-" : "", vek->product);
    cert = start(issuer, vlek ? "SEV-VLEK" : "SEV-VCEK", vek_key, vek->not_before,
                 vlek ? VLEK_VALIDITY_S : VCEK_VALIDITY_S);
    return finish(cert, cert != NULL && add_vek_extensions(cert, vek), ask_key, err);
}
