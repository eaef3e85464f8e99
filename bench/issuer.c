/*
 * Issuer: what is the same in every leaf is encoded once.
 */
#include "bench/issuer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/err.h"

#define NUM_EXTENSIONS 5
#define NAME_CAP 2200 /* a flag and the longest SPIFFE ID */
#define SKEW_SECONDS 3600

struct issuer {
    X509 *cert;
    EVP_PKEY *key;
    X509_EXTENSION *extensions[NUM_EXTENSIONS]; /* all but the key identifier */
};

static X509_EXTENSION *extension_new(X509 *issuer, X509 *subject, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, subject, NULL, NULL, 0);
    return X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
}

static int encode_extensions(struct issuer *issuer, const char *spiffe, struct err *err)
{
    char name[NAME_CAP];
    const struct {
        int nid;
        const char *value;
    } rows[NUM_EXTENSIONS] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth,clientAuth"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_subject_alt_name, name},
    };

    ERR_clear_error();
    (void)snprintf(name, sizeof(name), "critical,URI:%s", spiffe);
    for (size_t i = 0; i < NUM_EXTENSIONS; i++) {
        issuer->extensions[i] =
            extension_new(issuer->cert, issuer->cert, rows[i].nid, rows[i].value);
        if (issuer->extensions[i] == NULL) {
            return err_set_openssl(err, ERR_INVALID, "the issuer of client certificates");
        }
    }
    return 0;
}

struct issuer *issuer_load(const char *certificate_path, const char *key_path, const char *spiffe,
                           struct err *err)
{
    struct issuer *made = NULL;
    struct issuer *issuer = calloc(1, sizeof(*issuer));
    BIO *cert = BIO_new_file(certificate_path, "r");
    BIO *key = BIO_new_file(key_path, "r");

    ERR_clear_error();
    if (issuer == NULL || cert == NULL || key == NULL) {
        err_set(err, ERR_IO, "%s: cannot be read", cert == NULL ? certificate_path : key_path);
        goto out;
    }
    issuer->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
    issuer->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    if (issuer->cert == NULL || issuer->key == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s", issuer->cert == NULL ? certificate_path : key_path);
        goto out;
    }
    if (X509_check_private_key(issuer->cert, issuer->key) != 1) {
        err_set(err, ERR_INVALID, "%s is not the key of %s", key_path, certificate_path);
        goto out;
    }
    if (encode_extensions(issuer, spiffe, err) == 0) {
        made = issuer;
        issuer = NULL; /* now the caller's */
    }
out:
    issuer_free(issuer);
    BIO_free(cert);
    BIO_free(key);
    return made;
}

static X509 *certificate_new(EVP_PKEY *key, const X509_NAME *subject, const X509_NAME *name)
{
    X509 *cert = X509_new();
    uint64_t serial = 0;

    if (cert == NULL || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1 ||
        X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -SKEW_SECONDS) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), ISSUER_LEAF_SECONDS) == NULL ||
        X509_set_pubkey(cert, key) != 1 || X509_set_issuer_name(cert, name) != 1 ||
        (subject != NULL && X509_set_subject_name(cert, subject) != 1)) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = extension_new(cert, cert, nid, value);
    bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return added;
}

struct issuer *issuer_new_impostor(const X509 *likeness, const char *spiffe, struct err *err)
{
    struct issuer *made = NULL;
    struct issuer *issuer = calloc(1, sizeof(*issuer));
    const X509_NAME *name = X509_get_subject_name(likeness);

    ERR_clear_error();
    if (issuer == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        goto out;
    }
    issuer->key = EVP_EC_gen("P-256");
    if (issuer->key != NULL) {
        issuer->cert = certificate_new(issuer->key, name, name);
    }
    if (issuer->cert == NULL ||
        !add_extension(issuer->cert, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(issuer->cert, NID_key_usage, "critical,keyCertSign") ||
        !add_extension(issuer->cert, NID_subject_key_identifier, "hash") ||
        X509_sign(issuer->cert, issuer->key, EVP_sha256()) <= 0) {
        err_set_openssl(err, ERR_LIMIT, "an impostor's certificate");
        goto out;
    }
    if (encode_extensions(issuer, spiffe, err) == 0) {
        made = issuer;
        issuer = NULL; /* now the caller's */
    }
out:
    issuer_free(issuer);
    return made;
}

void issuer_free(struct issuer *issuer)
{
    if (issuer == NULL) {
        return;
    }
    for (size_t i = 0; i < NUM_EXTENSIONS; i++) {
        X509_EXTENSION_free(issuer->extensions[i]);
    }
    X509_free(issuer->cert);
    EVP_PKEY_free(issuer->key);
    free(issuer);
}

int issuer_make(const struct issuer *issuer, X509 **out_leaf, EVP_PKEY **out_key, struct err *err)
{
    int rc = -1;
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;

    ERR_clear_error();
    key = EVP_EC_gen("P-256");
    if (key != NULL) {
        leaf = certificate_new(key, NULL, X509_get_subject_name(issuer->cert));
    }
    if (leaf == NULL) {
        err_set_openssl(err, ERR_LIMIT, "a client certificate");
        goto out;
    }
    for (size_t i = 0; i < NUM_EXTENSIONS; i++) {
        if (X509_add_ext(leaf, issuer->extensions[i], -1) != 1) {
            err_set_openssl(err, ERR_LIMIT, "a client certificate");
            goto out;
        }
    }
    if (!add_extension(leaf, NID_subject_key_identifier, "hash") ||
        X509_sign(leaf, issuer->key, EVP_sha256()) <= 0) {
        err_set_openssl(err, ERR_LIMIT, "a client certificate");
        goto out;
    }
    *out_leaf = leaf;
    *out_key = key;
    leaf = NULL; /* now the caller's */
    key = NULL;
    rc = 0;
out:
    X509_free(leaf);
    EVP_PKEY_free(key);
    return rc;
}
