/*
 * Csr: walking the request, and proof of possession.
 */
#include "ca/csr.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "attest/bundle.h"
#include "common/der.h"

#define REQUESTS_MAX 16 /* attributes, extensions and names of one request */

/* Content octets of the identifiers. */
#define OID_EXTENSION_REQUEST "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
#define OID_CHALLENGE_PASSWORD "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
#define OID_SUBJECT_ALT_NAME "\x55\x1d\x11"

#define IS_OID(item, oid) der_is_oid(item, oid, sizeof(oid) - 1)

enum {
    NAME_DNS = 0x82, /* GeneralName: [2] IA5String */
    NAME_URI = 0x86, /* GeneralName: [6] IA5String */
};

static bool refuse(struct verdict *out_verdict, const char *slug)
{
    return verdict_refuse(out_verdict, VERDICT_CSR_INVALID, 0, slug);
}

static bool read_names(struct bytes names, struct csr *csr, struct verdict *out_verdict)
{
    struct der der = der_over(names);
    struct der_item sequence;
    struct der_item name;

    if (!der_take(&der, DER_SEQUENCE, &sequence) || !der_end(&der)) {
        return refuse(out_verdict, "san-encoding");
    }
    der = der_over(sequence.content);
    for (unsigned i = 0; !der_end(&der); i++) {
        if (i == REQUESTS_MAX || !der_any(&der, &name)) {
            return refuse(out_verdict, "san-encoding");
        }
        if (name.tag == NAME_DNS) {
            continue; /* the policy gives the names */
        }
        if (name.tag != NAME_URI || csr->uri[0] != '\0') {
            return refuse(out_verdict, "san-not-one-uri");
        }
        if (!spiffe_id_valid((const char *)name.content.data, name.content.len)) {
            return refuse(out_verdict, "san-uri-not-spiffe");
        }
        memcpy(csr->uri, name.content.data, name.content.len);
        csr->uri[name.content.len] = '\0';
    }
    return true;
}

/* Extensions ::= SEQUENCE OF SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING }: only a
   subject alternative name, once. */
static bool read_extensions(struct bytes value, struct csr *csr, struct verdict *out_verdict)
{
    struct der der = der_over(value);
    struct der_item item;
    struct der_item oid;
    struct der_item critical;
    struct der_item names;

    if (!der_take(&der, DER_SEQUENCE, &item) || !der_end(&der)) {
        return refuse(out_verdict, "extensions-encoding");
    }
    der = der_over(item.content);
    if (!der_take(&der, DER_SEQUENCE, &item) || !der_end(&der)) {
        return refuse(out_verdict, "extensions-not-one");
    }
    der = der_over(item.content);
    if (!der_take(&der, DER_OID, &oid)) {
        return refuse(out_verdict, "extensions-encoding");
    }
    if (!IS_OID(&oid, OID_SUBJECT_ALT_NAME)) {
        return refuse(out_verdict, "extension-not-allowed");
    }
    if (der_at(&der, DER_BOOLEAN) &&
        (!der_take(&der, DER_BOOLEAN, &critical) || critical.content.len != 1 ||
         critical.content.data[0] != 0xff)) {
        return refuse(out_verdict, "extensions-encoding");
    }
    if (!der_take(&der, DER_OCTET_STRING, &names) || !der_end(&der)) {
        return refuse(out_verdict, "extensions-encoding");
    }
    return read_names(names.content, csr, out_verdict);
}

struct attributes_seen {
    bool attestation;
    bool extensions;
    bool password;
};

/* Attribute ::= SEQUENCE { OID, SET OF value }: exactly one value. */
static bool read_attribute(struct bytes attribute, struct csr *csr, struct attributes_seen *seen,
                           struct verdict *out_verdict)
{
    struct der der = der_over(attribute);
    struct der_item oid;
    struct der_item set;
    struct der_item value;
    bool one_value = false;

    if (!der_take(&der, DER_OID, &oid) || !der_take(&der, DER_SET, &set) || !der_end(&der)) {
        return refuse(out_verdict, "attribute-encoding");
    }
    der = der_over(set.content);
    one_value = der_any(&der, &value) && der_end(&der);
    if (der_is_oid(&oid, BUNDLE_OID, BUNDLE_OID_LEN)) {
        if (seen->attestation || !one_value) {
            return verdict_refuse(out_verdict, VERDICT_ENVELOPE_INVALID, 0, "attestation-not-one");
        }
        seen->attestation = true;
        csr->bundle = value.whole;
        return true;
    }
    if (!one_value) {
        return refuse(out_verdict, "attribute-not-one-value");
    }
    if (IS_OID(&oid, OID_EXTENSION_REQUEST) && !seen->extensions) {
        seen->extensions = true;
        return read_extensions(value.whole, csr, out_verdict);
    }
    if (IS_OID(&oid, OID_CHALLENGE_PASSWORD) && !seen->password) {
        seen->password = true;
        return true;
    }
    return refuse(out_verdict, "attribute-not-allowed");
}

/* CertificationRequestInfo ::= SEQUENCE { version 0, subject, spki, [0] attributes } */
static bool read_info(struct bytes info, struct csr *csr, struct verdict *out_verdict)
{
    struct der der = der_over(info);
    struct attributes_seen seen = {0};
    struct der_item version;
    struct der_item subject;
    struct der_item spki;
    struct der_item attributes;
    struct der_item attribute;

    if (!der_take(&der, DER_INTEGER, &version) || version.content.len != 1 ||
        version.content.data[0] != 0) {
        return refuse(out_verdict, "version-not-0");
    }
    if (!der_take(&der, DER_SEQUENCE, &subject) || !der_take(&der, DER_SEQUENCE, &spki) ||
        !der_take(&der, DER_CONTEXT_0, &attributes) || !der_end(&der)) {
        return refuse(out_verdict, "info-encoding");
    }
    csr->spki = spki.whole;
    der = der_over(attributes.content);
    for (unsigned i = 0; !der_end(&der); i++) {
        if (i == REQUESTS_MAX || !der_take(&der, DER_SEQUENCE, &attribute)) {
            return refuse(out_verdict, "attribute-encoding");
        }
        if (!read_attribute(attribute.content, csr, &seen, out_verdict)) {
            return false;
        }
    }
    return seen.attestation || refuse(out_verdict, "attestation-missing");
}

bool csr_parse(struct bytes bytes, struct csr *out_csr, struct verdict *out_verdict)
{
    struct der der = der_over(bytes);
    struct csr csr = {0};
    struct der_item request;
    struct der_item info;
    struct der_item algorithm;
    struct der_item signature;

    if (!der_take(&der, DER_SEQUENCE, &request) || !der_end(&der)) {
        return refuse(out_verdict, "request-encoding");
    }
    der = der_over(request.content);
    if (!der_take(&der, DER_SEQUENCE, &info) || !der_take(&der, DER_SEQUENCE, &algorithm) ||
        !der_take(&der, DER_BIT_STRING, &signature) || !der_end(&der) ||
        signature.content.len < 2 || signature.content.data[0] != 0) {
        return refuse(out_verdict, "request-encoding");
    }
    csr.signed_part = info.whole;
    csr.algorithm = algorithm.content;
    csr.signature = (struct bytes){signature.content.data + 1, signature.content.len - 1};
    if (!read_info(info.content, &csr, out_verdict)) {
        return false;
    }
    *out_csr = csr;
    return true;
}

/* Everything of an allowed key before its point: SEQUENCE, ecPublicKey with a named curve, and an
   uncompressed point (RFC 5480).  Judged by its bytes, a key has one encoding, so that its hash
   names it. */
static bool key_allowed(struct bytes spki)
{
    static const uint8_t p256[] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    };
    static const uint8_t p384[] = {
        0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
    };

    return (spki.len == sizeof(p256) + 64 && memcmp(spki.data, p256, sizeof(p256)) == 0) ||
           (spki.len == sizeof(p384) + 96 && memcmp(spki.data, p384, sizeof(p384)) == 0);
}

/* The digest of ecdsa-with-SHA256, -384 or -512 (RFC 5758), which have no parameters. */
static const EVP_MD *find_digest(struct bytes algorithm)
{
    static const uint8_t ecdsa_sha2[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03};

    if (algorithm.len != sizeof(ecdsa_sha2) + 1 ||
        memcmp(algorithm.data, ecdsa_sha2, sizeof(ecdsa_sha2)) != 0) {
        return NULL;
    }
    switch (algorithm.data[sizeof(ecdsa_sha2)]) {
    case 2:
        return EVP_sha256();
    case 3:
        return EVP_sha384();
    case 4:
        return EVP_sha512();
    default:
        return NULL;
    }
}

bool csr_prove(const struct csr *csr, EVP_PKEY **out_key, struct verdict *out_verdict)
{
    const EVP_MD *digest = find_digest(csr->algorithm);
    const unsigned char *spki = csr->spki.data;
    EVP_PKEY *key = NULL;
    EVP_MD_CTX *ctx = NULL;
    bool proven = false;

    if (!key_allowed(csr->spki)) {
        return verdict_refuse(out_verdict, VERDICT_KEY_NOT_ALLOWED, 0, "key-type");
    }
    key = d2i_PUBKEY(NULL, &spki, (long)csr->spki.len);
    if (key == NULL) { /* the point is not on the curve */
        verdict_refuse(out_verdict, VERDICT_KEY_NOT_ALLOWED, 0, "key-point");
        goto out;
    }
    ctx = EVP_MD_CTX_new();
    if (digest == NULL || ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) != 1 ||
        EVP_DigestVerify(ctx, csr->signature.data, csr->signature.len, csr->signed_part.data,
                         csr->signed_part.len) != 1) {
        verdict_refuse(out_verdict, VERDICT_CSR_INVALID, 0, "possession-not-proven");
        goto out;
    }
    *out_key = key;
    key = NULL;
    proven = true;
out:
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error(); /* what a stranger sent is no error of ours */
    return proven;
}
