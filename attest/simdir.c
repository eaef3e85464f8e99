/*
 * Simdir: PEM files of our own making, read with OpenSSL's own reader.
 */
#include "attest/simdir.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/err.h"
#include "common/file.h"

int simdir_path(const char *dir, const char *name, char out_path[static SIMDIR_PATH_CAP],
                struct err *err)
{
    int len = snprintf(out_path, SIMDIR_PATH_CAP, "%s/%s", dir, name);

    if (len < 0 || len >= SIMDIR_PATH_CAP) {
        return err_set(err, ERR_INVALID, "%s: path too long", dir);
    }
    return 0;
}

int simdir_make(const char *dir, struct err *err)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return err_set_errno(err, ERR_IO, errno, "make %s", dir);
    }
    return 0;
}

static int write_memory(const char *dir, const char *name, unsigned mode, BIO *memory,
                        struct err *err)
{
    char path[SIMDIR_PATH_CAP];
    char *data = NULL;
    long len = BIO_get_mem_data(memory, &data);

    if (simdir_path(dir, name, path, err) != 0) {
        return -1;
    }
    return file_create(path, mode, data, (size_t)len, err);
}

int simdir_write_key(const char *dir, const char *name, EVP_PKEY *key, struct err *err)
{
    int rc = -1;
    BIO *memory = BIO_new(BIO_s_secmem());

    if (memory == NULL ||
        PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) != 1) {
        err_set_openssl(err, ERR_LIMIT, "encode %s", name);
        goto out;
    }
    rc = write_memory(dir, name, 0400, memory, err);
out:
    BIO_free(memory);
    return rc;
}

int simdir_write_cert(const char *dir, const char *name, X509 *cert, struct err *err)
{
    int rc = -1;
    BIO *memory = BIO_new(BIO_s_mem());

    if (memory == NULL || PEM_write_bio_X509(memory, cert) != 1) {
        err_set_openssl(err, ERR_LIMIT, "encode %s", name);
        goto out;
    }
    rc = write_memory(dir, name, 0644, memory, err);
out:
    BIO_free(memory);
    return rc;
}

EVP_PKEY *simdir_read_key(const char *dir, const char *name, struct err *err)
{
    char path[SIMDIR_PATH_CAP];
    EVP_PKEY *key = NULL;
    BIO *file = NULL;

    if (simdir_path(dir, name, path, err) != 0) {
        return NULL;
    }
    file = BIO_new_file(path, "r");
    if (file == NULL) {
        err_set_openssl(err, ERR_IO, "open %s", path);
        return NULL;
    }
    key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
    if (key == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no key", path);
    }
    BIO_free(file);
    return key;
}

X509 *simdir_read_cert(const char *dir, const char *name, struct err *err)
{
    char path[SIMDIR_PATH_CAP];
    X509 *cert = NULL;
    BIO *file = NULL;

    if (simdir_path(dir, name, path, err) != 0) {
        return NULL;
    }
    file = BIO_new_file(path, "r");
    if (file == NULL) {
        err_set_openssl(err, ERR_IO, "open %s", path);
        return NULL;
    }
    cert = PEM_read_bio_X509(file, NULL, NULL, NULL);
    if (cert == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no certificate", path);
    }
    BIO_free(file);
    return cert;
}
