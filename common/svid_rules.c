/*
 * Svid rules: two tables, for leaves and for CAs, and the rules in them.  Each rule returns NULL or
 * what is wrong.  Names are judged in common/svid_names.c.
 */
#include "common/svid_rules.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/der.h"
#include "common/svid_names.h"

#define EXTENSIONS_MAX 32
#define SERIAL_LEN_MAX 20 /* content octets (RFC 5280 section 4.1.2.2) */
#define RSA_BITS_MIN 2048

struct bytes svid_extension(const X509 *cert, const void *oid, size_t oid_len)
{
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *extension = X509_get_ext(cert, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);

        if (OBJ_length(object) == oid_len && memcmp(OBJ_get0_data(object), oid, oid_len) == 0) {
            return (struct bytes){ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
        }
    }
    return (struct bytes){NULL, 0};
}

void *svid_decode(const X509 *cert, int nid, int *out_critical)
{
    int at = X509_get_ext_by_NID(cert, nid, -1);
    X509_EXTENSION *extension = at >= 0 ? X509_get_ext(cert, at) : NULL;
    const ASN1_OCTET_STRING *value = NULL;
    struct der der;
    struct der_item item;

    if (extension == NULL) {
        *out_critical = -1;
        return NULL;
    }
    *out_critical = X509_EXTENSION_get_critical(extension);
    value = X509_EXTENSION_get_data(extension);
    der = der_over((struct bytes){ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)});
    if (!der_any(&der, &item) || !der_end(&der)) {
        *out_critical = 0;
        return NULL; /* X509V3_EXT_d2i() would not look behind the first item */
    }
    return X509V3_EXT_d2i(extension);
}

static const char *rule_version(X509 *cert)
{
    return X509_get_version(cert) == X509_VERSION_3 ? NULL : "not version 3";
}

static const char *rule_serial(X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const uint8_t *data = ASN1_STRING_get0_data(serial);
    int len = ASN1_STRING_length(serial);

    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len < 1 || (len == 1 && data[0] == 0)) {
        return "serial number not positive";
    }
    /* OpenSSL strips the sign octet. */
    return len + (data[0] >> 7) <= SERIAL_LEN_MAX ? NULL : "serial number over 20 octets";
}

static const char *rule_extensions(X509 *cert)
{
    int num = X509_get_ext_count(cert);

    if (num > EXTENSIONS_MAX) {
        return "too many extensions";
    }
    for (int i = 0; i < num; i++) {
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(cert, i));

        if (X509_get_ext_by_OBJ(cert, object, i) >= 0) {
            return "an extension twice";
        }
    }
    return (X509_get_extension_flags(cert) & EXFLAG_INVALID) == 0 ? NULL : "malformed extension";
}

static const char *rule_key(X509 *cert)
{
    ASN1_OBJECT *algorithm = NULL;
    X509_ALGOR *identifier = NULL;
    const void *curve = NULL;
    int curve_kind = 0;
    EVP_PKEY *key = X509_get0_pubkey(cert); /* NULL: an algorithm that our provider lacks */

    if (key == NULL || X509_PUBKEY_get0_param(&algorithm, NULL, NULL, &identifier,
                                              X509_get_X509_PUBKEY(cert)) != 1) {
        return "unknown key";
    }
    switch (OBJ_obj2nid(algorithm)) {
    case NID_ED25519:
        return NULL;
    case NID_rsaEncryption:
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN && EVP_PKEY_get_bits(key) % 8 == 0
                   ? NULL
                   : "RSA key of a bad size";
    case NID_X9_62_id_ecPublicKey:
        break;
    default:
        return "key of an algorithm that is not allowed";
    }
    X509_ALGOR_get0(NULL, &curve_kind, &curve, identifier);
    if (curve_kind != V_ASN1_OBJECT) {
        return "key on an unnamed curve";
    }
    switch (OBJ_obj2nid(curve)) {
    case NID_X9_62_prime256v1:
    case NID_secp384r1:
    case NID_secp521r1:
        return NULL;
    default:
        return "key on a curve that is not allowed";
    }
}

static const char *rule_authority_access(X509 *cert)
{
    int critical = 0;
    AUTHORITY_INFO_ACCESS *access = svid_decode(cert, NID_info_access, &critical);
    bool good = access != NULL ? sk_ACCESS_DESCRIPTION_num(access) > 0 : critical == -1;

    AUTHORITY_INFO_ACCESS_free(access);
    return good ? NULL : "malformed authorityInfoAccess";
}

static const char *rule_not_ca(X509 *cert)
{
    int critical = 0;
    BASIC_CONSTRAINTS *constraints = svid_decode(cert, NID_basic_constraints, &critical);
    bool good = constraints != NULL ? constraints->ca == 0 : critical == -1;

    BASIC_CONSTRAINTS_free(constraints);
    return good ? NULL : "leaf is a CA";
}

static const char *rule_key_usage(X509 *cert)
{
    uint32_t usage = X509_get_key_usage(cert);

    if ((X509_get_extension_flags(cert) & EXFLAG_KUSAGE) == 0) {
        return "no keyUsage";
    }
    if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) {
        return "keyUsage of a CA";
    }
    return (usage & KU_DIGITAL_SIGNATURE) != 0 ? NULL : "keyUsage without digitalSignature";
}

static const char *extended_usage(const EXTENDED_KEY_USAGE *usage, int critical)
{
    bool server = false;
    bool client = false;

    if (critical != 0) {
        return "critical extKeyUsage";
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
        switch (OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i))) {
        case NID_anyExtendedKeyUsage:
            return "anyExtendedKeyUsage";
        case NID_server_auth:
            server = true;
            break;
        case NID_client_auth:
            client = true;
            break;
        default:
            break; /* more is harmless */
        }
    }
    return server && client ? NULL : "extKeyUsage without both serverAuth and clientAuth";
}

static const char *rule_extended_key_usage(X509 *cert)
{
    int critical = 0;
    EXTENDED_KEY_USAGE *usage = svid_decode(cert, NID_ext_key_usage, &critical);
    const char *reason = usage != NULL ? extended_usage(usage, critical) : "no valid extKeyUsage";

    EXTENDED_KEY_USAGE_free(usage);
    return reason;
}

static const char *rule_no_name_constraints(X509 *cert)
{
    return X509_get_ext_by_NID(cert, NID_name_constraints, -1) < 0 ? NULL
                                                                   : "nameConstraints in a leaf";
}

static const char *rule_constraints_critical(X509 *cert)
{
    static const int nids[] = {NID_name_constraints, NID_policy_constraints};

    for (size_t i = 0; i < sizeof(nids) / sizeof(nids[0]); i++) {
        int at = X509_get_ext_by_NID(cert, nids[i], -1);

        if (at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at)) == 0) {
            return "constraints that are not critical";
        }
    }
    return NULL;
}

struct rule {
    const char *(*flaw)(X509 *cert);
    int x509_error;
};

/* Uniqueness comes before whatever looks an extension up. */
static const struct rule common_rules[] = {
    {rule_version, X509_V_ERR_CERT_REJECTED},          {rule_serial, X509_V_ERR_CERT_REJECTED},
    {rule_extensions, X509_V_ERR_CERT_REJECTED},       {rule_key, X509_V_ERR_EE_KEY_TOO_SMALL},
    {rule_authority_access, X509_V_ERR_CERT_REJECTED},
};

static const struct rule leaf_rules[] = {
    {rule_not_ca, X509_V_ERR_INVALID_PURPOSE},
    {rule_key_usage, X509_V_ERR_INVALID_PURPOSE},
    {rule_extended_key_usage, X509_V_ERR_INVALID_PURPOSE},
    {rule_no_name_constraints, X509_V_ERR_CERT_REJECTED},
    {svid_names_flaw, X509_V_ERR_CERT_REJECTED},
};

static const struct rule ca_rules[] = {
    {rule_constraints_critical, X509_V_ERR_CERT_REJECTED},
};

static struct svid_flaw first_flaw(X509 *cert, const struct rule *rules, size_t num_rules)
{
    for (size_t i = 0; i < num_rules; i++) {
        const char *reason = rules[i].flaw(cert);

        if (reason != NULL) {
            return (struct svid_flaw){reason, rules[i].x509_error};
        }
    }
    return (struct svid_flaw){NULL, X509_V_OK};
}

#define FIRST_FLAW(cert, rules) first_flaw(cert, rules, sizeof(rules) / sizeof((rules)[0]))

struct svid_flaw svid_leaf_flaw(X509 *leaf)
{
    struct svid_flaw flaw = FIRST_FLAW(leaf, common_rules);

    return flaw.reason != NULL ? flaw : FIRST_FLAW(leaf, leaf_rules);
}

struct svid_flaw svid_ca_flaw(X509 *ca)
{
    struct svid_flaw flaw = FIRST_FLAW(ca, common_rules);

    return flaw.reason != NULL ? flaw : FIRST_FLAW(ca, ca_rules);
}
