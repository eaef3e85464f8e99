/*
 * Certs: PEM with OpenSSL's reader; PKCS#7 with its decoder and a check of what came out.
 */
#include "ca-client/certs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

#include "common/err.h"
#include "common/est.h"
#include "common/file.h"

void certs_free(STACK_OF(X509) * certs)
{
    sk_X509_pop_free(certs, X509_free);
}

/* The end of a PEM file shows as "no start line". */
static bool is_end(void)
{
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    if (end) {
        ERR_clear_error();
    }
    return end;
}

/* Appends all certificates in `bio` to `certs`. */
static int read_pem(BIO *bio, STACK_OF(X509) * certs, struct err *err)
{
    ERR_clear_error();
    for (;;) {
        char *name = NULL;
        char *header = NULL;
        unsigned char *data = NULL;
        const unsigned char *at = NULL;
        X509 *cert = NULL;
        long len = 0;
        bool ok = false;

        if (PEM_read_bio(bio, &name, &header, &data, &len) != 1) {
            return is_end() ? 0 : err_set_openssl(err, ERR_INVALID, "malformed PEM");
        }
        at = data;
        if (strcmp(name, PEM_STRING_X509) == 0 && header[0] == '\0') {
            cert = d2i_X509(NULL, &at, len);
        }
        ok = cert != NULL && at == data + len && sk_X509_num(certs) < CERTS_MAX &&
             sk_X509_push(certs, cert) > 0;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        if (!ok) {
            X509_free(cert);
            return sk_X509_num(certs) >= CERTS_MAX
                       ? err_set(err, ERR_INVALID, "more than %d certificates", CERTS_MAX)
                       : err_set_openssl(err, ERR_INVALID, "block %d is not one certificate",
                                         sk_X509_num(certs) + 1);
        }
    }
}

STACK_OF(X509) * certs_load(const char *path, struct err *err)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    STACK_OF(X509) *result = NULL;
    uint8_t *data = NULL;
    size_t len = 0;
    BIO *bio = NULL;

    if (file_read(path, CERTS_FILE_MAX, &data, &len, err) != 0) {
        goto out;
    }
    bio = BIO_new_mem_buf(data, (int)len);
    if (certs == NULL || bio == NULL) {
        err_set(err, ERR_LIMIT, "%s: out of memory", path);
        goto out;
    }
    if (read_pem(bio, certs, err) != 0) {
        err_wrap(err, "%s", path);
        goto out;
    }
    if (sk_X509_num(certs) == 0) {
        err_set(err, ERR_INVALID, "%s: no certificate", path);
        goto out;
    }
    result = certs;
    certs = NULL;
out:
    BIO_free(bio);
    free(data);
    certs_free(certs);
    return result;
}

/* Takes the list out of `message`; NULL if it is anything but certs-only. */
static STACK_OF(X509) * take_certs(PKCS7 *message)
{
    STACK_OF(X509) *certs = NULL;

    if (!PKCS7_type_is_signed(message) || message->d.sign == NULL) {
        return NULL;
    }
    certs = message->d.sign->cert;
    if (certs == NULL || sk_X509_num(certs) < 1 || sk_X509_num(certs) > CERTS_MAX) {
        return NULL;
    }
    message->d.sign->cert = NULL;
    return certs;
}

STACK_OF(X509) * certs_decode(struct bytes base64, struct err *err)
{
    uint8_t *storage = malloc(EST_BODY_MAX);
    struct buf der = buf_over(storage, storage != NULL ? EST_BODY_MAX : 0);
    const unsigned char *at = storage;
    STACK_OF(X509) *certs = NULL;
    PKCS7 *message = NULL;

    if (storage == NULL) {
        err_set(err, ERR_LIMIT, "certificates: out of memory");
        return NULL;
    }
    if (!est_base64_get(&der, base64) || der.len == 0) {
        err_set(err, ERR_INVALID, "certificates: malformed base64");
        goto out;
    }
    ERR_clear_error();
    message = d2i_PKCS7(NULL, &at, (long)der.len);
    if (message == NULL || at != storage + der.len) {
        err_set_openssl(err, ERR_INVALID, "certificates: malformed PKCS#7");
        goto out;
    }
    certs = take_certs(message);
    if (certs == NULL) {
        err_set(err, ERR_INVALID, "certificates: not 1 to %d in a certs-only message", CERTS_MAX);
    }
out:
    PKCS7_free(message);
    free(storage);
    return certs;
}
