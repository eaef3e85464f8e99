/*
 * Cert: its key and its signature.  Algorithms are compared as bytes; OpenSSL only does the
 * arithmetic, with parameters that are fixed here.
 */
#include "attest/cert.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/der.h"

#define OID_RSA_PSS "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_RSA_PSS_LEN 9
#define PSS_SALT_LEN 48 /* bytes */

/* RSASSA-PSS-params of SHA-384, MGF1 with SHA-384, salt 48 (RFC 4055 section 3.1). */
#define PSS_FIELDS                                                                                 \
    "\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00"                         \
    "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"                                 \
    "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00"                                 \
    "\xa2\x03\x02\x01\x30"

/* The trailerField is left out, being the default, or spelled out: AMD does both. */
static const char pss_short[] = "\x30\x41\x06\x09" OID_RSA_PSS "\x30\x34" PSS_FIELDS;
static const char pss_long[] =
    "\x30\x46\x06\x09" OID_RSA_PSS "\x30\x39" PSS_FIELDS "\xa3\x03\x02\x01\x01";

/* AlgorithmIdentifiers of SubjectPublicKeyInfo: rsaEncryption with NULL, and P-384. */
static const char rsa_algorithm[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
static const char p384_algorithm[] =
    "\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";

static bool equals(struct bytes bytes, const char *literal, size_t literal_len)
{
    return bytes.len == literal_len && memcmp(bytes.data, literal, literal_len) == 0;
}

bool cert_is_pss(const struct cert *cert)
{
    struct der outer = der_over(cert->algorithm_outer);
    struct der_item item;
    struct der inner;

    if (!der_take(&outer, DER_SEQUENCE, &item)) {
        return false;
    }
    inner = der_over(item.content);
    return der_take(&inner, DER_OID, &item) && der_is_oid(&item, OID_RSA_PSS, OID_RSA_PSS_LEN);
}

bool cert_pss_fits(const struct cert *cert)
{
    return equals(cert->algorithm_outer, pss_short, sizeof(pss_short) - 1) ||
           equals(cert->algorithm_outer, pss_long, sizeof(pss_long) - 1);
}

/* Takes a SubjectPublicKeyInfo apart: the algorithm whole, the key's octets. */
static bool read_spki(const struct cert *cert, struct bytes *out_algorithm, struct bytes *out_key)
{
    struct der outer = der_over(cert->spki);
    struct der_item item;
    struct der_item algorithm;
    struct der_item key;
    struct der inner;

    if (!der_take(&outer, DER_SEQUENCE, &item)) {
        return false;
    }
    inner = der_over(item.content);
    if (!der_take(&inner, DER_SEQUENCE, &algorithm) || !der_take(&inner, DER_BIT_STRING, &key) ||
        !der_end(&inner) || key.content.len < 1 || key.content.data[0] != 0) {
        return false;
    }
    *out_algorithm = algorithm.whole;
    *out_key = (struct bytes){key.content.data + 1, key.content.len - 1};
    return true;
}

bool cert_key_is_rsa4096(const struct cert *cert)
{
    struct bytes algorithm;
    struct bytes key;
    struct der outer;
    struct der_item item;
    struct der_item modulus;
    struct der_item exponent;
    struct der inner;

    if (!read_spki(cert, &algorithm, &key) ||
        !equals(algorithm, rsa_algorithm, sizeof(rsa_algorithm) - 1)) {
        return false;
    }
    outer = der_over(key);
    if (!der_take(&outer, DER_SEQUENCE, &item) || !der_end(&outer)) {
        return false;
    }
    inner = der_over(item.content);
    return der_take(&inner, DER_INTEGER, &modulus) && der_take(&inner, DER_INTEGER, &exponent) &&
           der_end(&inner) && modulus.content.len == 513 && modulus.content.data[0] == 0 &&
           (modulus.content.data[1] & 0x80) != 0 && equals(exponent.content, "\x01\x00\x01", 3);
}

bool cert_key_is_p384(const struct cert *cert)
{
    struct bytes algorithm;
    struct bytes key;
    EVP_PKEY *pkey = NULL;

    if (!read_spki(cert, &algorithm, &key) ||
        !equals(algorithm, p384_algorithm, sizeof(p384_algorithm) - 1) || key.len != 97 ||
        key.data[0] != 0x04) {
        return false;
    }
    pkey = cert_key(cert); /* OpenSSL refuses a point that is not on the curve */
    EVP_PKEY_free(pkey);
    return pkey != NULL;
}

bool cert_spki_sha256(const struct cert *cert, uint8_t out_hash[static 32])
{
    return EVP_Digest(cert->spki.data, cert->spki.len, out_hash, NULL, EVP_sha256(), NULL) == 1;
}

EVP_PKEY *cert_key(const struct cert *cert)
{
    const uint8_t *next = cert->spki.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &next, (long)cert->spki.len);

    ERR_clear_error();
    return key;
}

bool cert_signed_by(const struct cert *cert, const struct cert *issuer)
{
    bool ok = false;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *params = NULL; /* the context's */
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL || !cert_pss_fits(cert) || !cert_key_is_rsa4096(issuer)) {
        goto out;
    }
    key = cert_key(issuer);
    if (key == NULL || EVP_DigestVerifyInit(context, &params, EVP_sha384(), NULL, key) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(params, EVP_sha384()) != 1 ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(params, PSS_SALT_LEN) != 1) {
        goto out;
    }
    ok = EVP_DigestVerify(context, cert->signature.data, cert->signature.len, cert->tbs.data,
                          cert->tbs.len) == 1;
out:
    ERR_clear_error();
    EVP_PKEY_free(key);
    EVP_MD_CTX_free(context);
    return ok;
}
