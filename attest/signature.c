/*
 * Signature: between two little-endian numbers and the DER that OpenSSL wants.
 */
#include "attest/signature.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "common/err.h"

#define DER_MAX 160 /* bytes; two numbers of 48 need less */

int signature_make(EVP_PKEY *key, struct bytes message, uint8_t out_signature[static SIGNATURE_LEN],
                   struct err *err)
{
    int rc = -1;
    uint8_t der[DER_MAX];
    const uint8_t *next = der;
    size_t len = sizeof(der);
    ECDSA_SIG *signature = NULL;
    const BIGNUM *r = NULL;
    const BIGNUM *s = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha384(), NULL, key) != 1 ||
        EVP_DigestSign(context, der, &len, message.data, message.len) != 1) {
        goto out;
    }
    signature = d2i_ECDSA_SIG(NULL, &next, (long)len);
    if (signature == NULL) {
        goto out;
    }
    ECDSA_SIG_get0(signature, &r, &s);
    memset(out_signature, 0, SIGNATURE_LEN);
    if (BN_bn2lebinpad(r, out_signature, SIGNATURE_VALUE_LEN) != SIGNATURE_VALUE_LEN ||
        BN_bn2lebinpad(s, out_signature + SIGNATURE_S, SIGNATURE_VALUE_LEN) !=
            SIGNATURE_VALUE_LEN) {
        goto out;
    }
    rc = 0;
out:
    if (rc != 0) {
        err_set_openssl(err, ERR_LIMIT, "sign");
    }
    ECDSA_SIG_free(signature);
    EVP_MD_CTX_free(context);
    return rc;
}

/* -1: no memory. */
static int encode(const uint8_t signature[static SIGNATURE_LEN], uint8_t **out_der)
{
    int len = -1;
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_lebin2bn(signature, SIGNATURE_VALUE_LEN, NULL);
    BIGNUM *s = BN_lebin2bn(signature + SIGNATURE_S, SIGNATURE_VALUE_LEN, NULL);

    if (numbers == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(numbers, r, s) != 1) {
        goto out;
    }
    r = NULL; /* both are now the structure's */
    s = NULL;
    len = i2d_ECDSA_SIG(numbers, out_der);
out:
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(numbers);
    return len;
}

bool signature_holds(EVP_PKEY *key, struct bytes message,
                     const uint8_t signature[static SIGNATURE_LEN])
{
    bool ok = false;
    uint8_t *der = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int len = encode(signature, &der);

    if (context != NULL && len > 0) {
        ok = EVP_DigestVerifyInit(context, NULL, EVP_sha384(), NULL, key) == 1 &&
             EVP_DigestVerify(context, der, (size_t)len, message.data, message.len) == 1;
    }
    ERR_clear_error();
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    return ok;
}
