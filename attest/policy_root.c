/*
 * Policy root: reading and judging the simulated root.
 */
#include "attest/policy_root.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/file.h"

#define ROOT_FILE_MAX 65536 /* bytes */

static X509 *read_only_certificate(const char *path, const uint8_t *text, size_t len,
                                   struct err *err)
{
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    X509 *second = NULL;

    if (cert == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no certificate", path);
        goto out;
    }
    second = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ERR_clear_error();
    if (second != NULL) {
        err_set(err, ERR_INVALID, "%s: more than one certificate", path);
        X509_free(cert);
        cert = NULL;
    }
out:
    X509_free(second);
    BIO_free(bio);
    return cert;
}

static int judge(const char *path, X509 *cert, const uint8_t spki_sha256[static 32],
                 struct err *err)
{
    if (X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) != 0 ||
        X509_verify(cert, X509_get0_pubkey(cert)) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "%s: not self-signed", path);
    }
    for (size_t i = 0; i < verify_num_vendor_anchors; i++) {
        if (CRYPTO_memcmp(verify_vendor_anchors[i].spki_sha256, spki_sha256, 32) == 0) {
            return err_set(err, ERR_INVALID, "%s: has the key of a vendor's root", path);
        }
    }
    return 0;
}

int policy_root_load(struct policy *policy, struct err *err)
{
    const char *path = policy->insecure_root;
    uint8_t *text = NULL;
    size_t len = 0;
    X509 *cert = NULL;
    unsigned char *spki = NULL;
    unsigned char *der = NULL;
    int spki_len = 0;
    int der_len = 0;
    int rc = -1;

    if (file_read(path, ROOT_FILE_MAX, &text, &len, err) != 0) {
        return -1;
    }
    cert = read_only_certificate(path, text, len, err);
    if (cert == NULL) {
        goto out;
    }
    spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
    der_len = i2d_X509(cert, &der);
    if (spki_len <= 0 || der_len <= 0) {
        err_set_openssl(err, ERR_INVALID, "%s", path);
        goto out;
    }
    if (SHA256(spki, (size_t)spki_len, policy->insecure_spki_sha256) == NULL) {
        err_set_openssl(err, ERR_LIMIT, "%s", path);
        goto out;
    }
    if (judge(path, cert, policy->insecure_spki_sha256, err) != 0) {
        goto out;
    }
    policy->insecure_der = der;
    policy->ca.insecure_root_der = (struct bytes){der, (size_t)der_len};
    der = NULL;
    rc = 0;
out:
    OPENSSL_free(der);
    OPENSSL_free(spki);
    X509_free(cert);
    free(text);
    return rc;
}
