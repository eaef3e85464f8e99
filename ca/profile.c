/*
 * Profile: one function per extension, and a table of who has which.
 */
#include "ca/profile.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "common/ear.h"
#include "common/err.h"

enum { KEY_USAGE_SIGNATURE = 0, KEY_USAGE_CERT_SIGN = 5, KEY_USAGE_CRL_SIGN = 6 }; /* bits */

static const struct {
    bool authority;
    long path_len;   /* -1: any */
    int purposes[3]; /* NIDs, ended by 0 */
} kinds[] = {
    [PROFILE_ROOT] = {true, -1, {0}},
    [PROFILE_ISSUING] = {true, 0, {0}},
    [PROFILE_SERVER] = {false, -1, {NID_server_auth, 0}},
    [PROFILE_LEAF] = {false, -1, {NID_server_auth, NID_client_auth, 0}},
};

int profile_serial(uint8_t out_serial[static PROFILE_SERIAL_LEN], struct err *err)
{
    if (RAND_bytes(out_serial, PROFILE_SERIAL_LEN) != 1) {
        return err_set_openssl(err, ERR_LIMIT, "random bytes");
    }
    out_serial[0] = (uint8_t)((out_serial[0] & 0x3f) | 0x40);
    return 0;
}

static bool set_serial(X509 *cert, const uint8_t serial[static PROFILE_SERIAL_LEN])
{
    BIGNUM *number = BN_bin2bn(serial, PROFILE_SERIAL_LEN, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

    BN_free(number);
    return ok;
}

static bool add_name_part(X509_NAME *name, int nid, const char *text)
{
    return text == NULL || X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                                      (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool set_names(X509 *cert, const struct profile *profile)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    return add_name_part(subject, NID_organizationName, profile->organization) &&
           add_name_part(subject, NID_commonName, profile->common_name) &&
           X509_set_issuer_name(cert, profile->issuer != NULL
                                          ? X509_get_subject_name(profile->issuer)
                                          : subject) == 1;
}

static bool add_basic_constraints(X509 *cert, const struct profile *profile)
{
    BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new();
    long path_len = kinds[profile->kind].path_len;
    bool ok = value != NULL;

    if (ok && kinds[profile->kind].authority) {
        value->ca = 0xff;
    }
    if (ok && path_len >= 0) {
        value->pathlen = ASN1_INTEGER_new();
        ok = value->pathlen != NULL && ASN1_INTEGER_set(value->pathlen, path_len) == 1;
    }
    ok = ok && X509_add1_ext_i2d(cert, NID_basic_constraints, value, 1, 0) == 1;
    BASIC_CONSTRAINTS_free(value);
    return ok;
}

static bool add_key_usage(X509 *cert, const struct profile *profile)
{
    ASN1_BIT_STRING *value = ASN1_BIT_STRING_new();
    bool ok = value != NULL;

    if (ok && kinds[profile->kind].authority) {
        ok = ASN1_BIT_STRING_set_bit(value, KEY_USAGE_CERT_SIGN, 1) == 1 &&
             ASN1_BIT_STRING_set_bit(value, KEY_USAGE_CRL_SIGN, 1) == 1;
    } else if (ok) {
        ok = ASN1_BIT_STRING_set_bit(value, KEY_USAGE_SIGNATURE, 1) == 1;
    }
    ok = ok && X509_add1_ext_i2d(cert, NID_key_usage, value, 1, 0) == 1;
    ASN1_BIT_STRING_free(value);
    return ok;
}

static bool add_purposes(X509 *cert, const struct profile *profile)
{
    const int *purposes = kinds[profile->kind].purposes;
    EXTENDED_KEY_USAGE *value = NULL;
    bool ok = true;

    if (purposes[0] == 0) {
        return true;
    }
    value = EXTENDED_KEY_USAGE_new();
    ok = value != NULL;
    for (unsigned i = 0; ok && purposes[i] != 0; i++) {
        ok = sk_ASN1_OBJECT_push(value, OBJ_nid2obj(purposes[i])) > 0;
    }
    ok = ok && X509_add1_ext_i2d(cert, NID_ext_key_usage, value, 0, 0) == 1;
    EXTENDED_KEY_USAGE_free(value);
    return ok;
}

/* Takes `value`. */
static bool push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();

    if (name == NULL || value == NULL) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

static ASN1_STRING *new_text(const char *text)
{
    ASN1_STRING *value = ASN1_IA5STRING_new();

    if (value != NULL && ASN1_STRING_set(value, text, -1) != 1) {
        ASN1_STRING_free(value);
        return NULL;
    }
    return value;
}

static bool push_host(GENERAL_NAMES *names, const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

    return address != NULL ? push_name(names, GEN_IPADD, address)
                           : push_name(names, GEN_DNS, new_text(host));
}

static bool add_alt_names(X509 *cert, const struct profile *profile)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool ok = names != NULL;

    ok = ok && (profile->uri == NULL || push_name(names, GEN_URI, new_text(profile->uri)));
    for (size_t i = 0; ok && i < profile->num_dns; i++) {
        ok = push_host(names, profile->dns[i]);
    }
    ok = ok &&
         X509_add1_ext_i2d(cert, NID_subject_alt_name, names, profile->common_name == NULL, 0) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

static bool add_name_constraints(X509 *cert, const struct profile *profile)
{
    NAME_CONSTRAINTS *value = NULL;
    GENERAL_SUBTREE *subtree = NULL;
    ASN1_STRING *host = NULL;
    bool ok = false;

    if (profile->permitted_uri == NULL) {
        return true;
    }
    value = NAME_CONSTRAINTS_new();
    subtree = GENERAL_SUBTREE_new();
    host = new_text(profile->permitted_uri);
    if (value == NULL || subtree == NULL || host == NULL) {
        goto out;
    }
    GENERAL_NAME_set0_value(subtree->base, GEN_URI, host);
    host = NULL;
    value->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
    if (value->permittedSubtrees == NULL ||
        sk_GENERAL_SUBTREE_push(value->permittedSubtrees, subtree) <= 0) {
        goto out;
    }
    subtree = NULL;
    ok = X509_add1_ext_i2d(cert, NID_name_constraints, value, 1, 0) == 1;
out:
    ASN1_STRING_free(host);
    GENERAL_SUBTREE_free(subtree);
    NAME_CONSTRAINTS_free(value);
    return ok;
}

/* RFC 7093 method 1: the first 160 bits of SHA-256 over the key's bits. */
static bool add_key_identifier(X509 *cert)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    uint8_t digest[SHA256_DIGEST_LENGTH];
    bool ok = false;

    if (bits != NULL && value != NULL &&
        SHA256(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), digest) != NULL) {
        ok = ASN1_OCTET_STRING_set(value, digest, 20) == 1 &&
             X509_add1_ext_i2d(cert, NID_subject_key_identifier, value, 0, 0) == 1;
    }
    ASN1_OCTET_STRING_free(value);
    return ok;
}

static bool add_authority_identifier(X509 *cert, const struct profile *profile)
{
    const ASN1_OCTET_STRING *issuer_id = NULL;
    AUTHORITY_KEYID *value = NULL;
    bool ok = false;

    if (profile->issuer == NULL) {
        return true;
    }
    issuer_id = X509_get0_subject_key_id(profile->issuer);
    value = AUTHORITY_KEYID_new();
    if (issuer_id != NULL && value != NULL) {
        value->keyid = ASN1_OCTET_STRING_dup(issuer_id);
        ok = value->keyid != NULL &&
             X509_add1_ext_i2d(cert, NID_authority_key_identifier, value, 0, 0) == 1;
    }
    AUTHORITY_KEYID_free(value);
    return ok;
}

/* An extension that OpenSSL has no type for, as bytes. */
static bool add_raw(X509 *cert, const char *oid, struct bytes content)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    bool ok = false;

    if (object != NULL && value != NULL &&
        ASN1_OCTET_STRING_set(value, content.data, (int)content.len) == 1) {
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
        ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    }
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return ok;
}

/* id-ce-noRevAvail (RFC 9608): nobody revokes these; they expire. */
static bool add_no_revocation(X509 *cert, const struct profile *profile)
{
    static const uint8_t null[] = {0x05, 0x00};

    return kinds[profile->kind].authority ||
           add_raw(cert, "2.5.29.56", (struct bytes){null, sizeof(null)});
}

/* id-pe-cmw: the attestation result, as an OCTET STRING (the cbor arm of CMW). */
static bool add_result(X509 *cert, const struct profile *profile)
{
    ASN1_OCTET_STRING *arm = NULL;
    unsigned char *der = NULL;
    int len = 0;
    bool ok = false;

    if (profile->cmw.data == NULL) {
        return true;
    }
    arm = ASN1_OCTET_STRING_new();
    if (arm != NULL && ASN1_OCTET_STRING_set(arm, profile->cmw.data, (int)profile->cmw.len) == 1) {
        len = i2d_ASN1_OCTET_STRING(arm, &der);
        ok = len > 0 && add_raw(cert, "1.3.6.1.5.5.7.1.35", (struct bytes){der, (size_t)len});
    }
    OPENSSL_free(der);
    ASN1_OCTET_STRING_free(arm);
    return ok;
}

static bool fill(X509 *cert, const struct profile *profile)
{
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert, profile->serial) &&
           set_names(cert, profile) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)profile->not_before) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)profile->not_after) != NULL &&
           X509_set_pubkey(cert, profile->key) == 1 && add_basic_constraints(cert, profile) &&
           add_key_usage(cert, profile) && add_purposes(cert, profile) &&
           add_alt_names(cert, profile) && add_name_constraints(cert, profile) &&
           add_key_identifier(cert) && add_authority_identifier(cert, profile) &&
           add_no_revocation(cert, profile) && add_result(cert, profile);
}

X509 *profile_sign(const struct profile *profile, struct err *err)
{
    EVP_PKEY *signer = profile->issuer_key != NULL ? profile->issuer_key : profile->key;
    const EVP_MD *digest = EVP_PKEY_get_bits(signer) > 256 ? EVP_sha384() : EVP_sha256();
    X509 *cert = X509_new();

    if (cert == NULL || !fill(cert, profile) || X509_sign(cert, signer, digest) <= 0) {
        err_set_openssl(err, ERR_LIMIT, "make a certificate");
        X509_free(cert);
        return NULL;
    }
    return cert;
}
