/*
 * Keys: reading and checking.
 */
#include "ca/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/err.h"
#include "common/file.h"
#include "common/secrecy.h"
#include "common/spiffe.h"

#define FILE_MAX 65536 /* bytes */

static X509 *load_certificate(const char *path, struct err *err)
{
    uint8_t *text = NULL;
    size_t len = 0;
    BIO *bio = NULL;
    X509 *cert = NULL;

    if (file_read(path, FILE_MAX, &text, &len, err) != 0) {
        return NULL;
    }
    bio = BIO_new_mem_buf(text, (int)len);
    cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (cert == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no certificate", path);
    }
    BIO_free(bio);
    free(text);
    return cert;
}

/* Reads what nobody else may: a file of this mode and content that is wiped by the caller. */
static int read_secret(const char *path, uint8_t **out_data, size_t *out_len, struct err *err)
{
    struct stat info;

    if (file_read(path, FILE_MAX, out_data, out_len, err) != 0) {
        return -1;
    }
    if (stat(path, &info) == 0 && (info.st_mode & 077) == 0) {
        return 0;
    }
    OPENSSL_cleanse(*out_data, *out_len);
    free(*out_data);
    return err_set(err, ERR_INVALID, "%s: others may read it; chmod 0400", path);
}

static EVP_PKEY *load_key(const char *path, X509 *cert, struct err *err)
{
    uint8_t *text = NULL;
    size_t len = 0;
    EVP_PKEY *key = NULL;

    if (read_secret(path, &text, &len, err) != 0) {
        return NULL;
    }
    key = secrecy_decode_key(text, len);
    if (key == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no private key", path);
    } else if (X509_check_private_key(cert, key) != 1) {
        ERR_clear_error();
        err_set(err, ERR_INVALID, "%s: not the key of its certificate", path);
        EVP_PKEY_free(key);
        key = NULL;
    }
    OPENSSL_cleanse(text, len);
    free(text);
    return key;
}

static int load_secret(const char *path, uint8_t out_secret[static NONCE_SECRET_LEN],
                       struct err *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int rc = 0;

    if (read_secret(path, &data, &len, err) != 0) {
        return -1;
    }
    if (len == NONCE_SECRET_LEN) {
        memcpy(out_secret, data, len);
    } else {
        rc = err_set(err, ERR_INVALID, "%s: need %d bytes", path, NONCE_SECRET_LEN);
    }
    OPENSSL_cleanse(data, len);
    free(data);
    return rc;
}

static int take_der(const X509 *cert, struct bytes *out_der, struct err *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    if (len <= 0) {
        return err_set_openssl(err, ERR_LIMIT, "certificate");
    }
    *out_der = (struct bytes){der, (size_t)len};
    return 0;
}

/* True if the only URI of `cert` is that of the trust domain. */
static bool is_for(X509 *cert, const char *trust_domain)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char uri[sizeof("spiffe://") + SPIFFE_TRUST_DOMAIN_MAX];
    int len = snprintf(uri, sizeof(uri), "spiffe://%s", trust_domain);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI) {
            const ASN1_STRING *value = name->d.uniformResourceIdentifier;

            found = ASN1_STRING_length(value) == len &&
                    memcmp(ASN1_STRING_get0_data(value), uri, (size_t)len) == 0;
            break;
        }
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return found;
}

static int check_issuing(const struct keys_options *options, const struct keys *keys,
                         struct err *err)
{
    const char *path = options->issuing_certificate;

    if (X509_check_ca(keys->issuing) != 1) {
        return err_set(err, ERR_INVALID, "%s: not the certificate of a CA", path);
    }
    if (X509_check_issued(keys->root, keys->issuing) != X509_V_OK ||
        X509_verify(keys->issuing, X509_get0_pubkey(keys->root)) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "%s: not signed by %s", path, options->root_certificate);
    }
    if (!is_for(keys->issuing, options->trust_domain)) {
        return err_set(err, ERR_INVALID, "%s: not for the policy's trust_domain %s", path,
                       options->trust_domain);
    }
    return 0;
}

int keys_load(const struct keys_options *options, struct keys *out_keys, struct err *err)
{
    struct keys keys = {0};

    keys.root = load_certificate(options->root_certificate, err);
    if (keys.root == NULL) {
        goto fail;
    }
    keys.issuing = load_certificate(options->issuing_certificate, err);
    if (keys.issuing == NULL || check_issuing(options, &keys, err) != 0) {
        goto fail;
    }
    keys.issuing_key = load_key(options->issuing_key, keys.issuing, err);
    if (keys.issuing_key == NULL) {
        goto fail;
    }
    keys.server = load_certificate(options->server_certificate, err);
    if (keys.server == NULL) {
        goto fail;
    }
    keys.server_key = load_key(options->server_key, keys.server, err);
    if (keys.server_key == NULL || load_secret(options->nonce_secret, keys.secret, err) != 0 ||
        take_der(keys.root, &keys.root_der, err) != 0 ||
        take_der(keys.issuing, &keys.issuing_der, err) != 0) {
        goto fail;
    }
    *out_keys = keys;
    OPENSSL_cleanse(keys.secret, sizeof(keys.secret));
    return 0;
fail:
    keys_deinit(&keys);
    return -1;
}

void keys_deinit(struct keys *keys)
{
    X509_free(keys->root);
    X509_free(keys->issuing);
    X509_free(keys->server);
    EVP_PKEY_free(keys->issuing_key);
    EVP_PKEY_free(keys->server_key);
    OPENSSL_free((void *)(uintptr_t)keys->root_der.data);
    OPENSSL_free((void *)(uintptr_t)keys->issuing_der.data);
    OPENSSL_cleanse(keys, sizeof(*keys));
}

int64_t keys_not_after(const X509 *cert)
{
    struct tm end;

    return ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1 ? (int64_t)timegm(&end) : 0;
}
