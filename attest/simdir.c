/*
 * Simdir: PEM files of our own making, read with OpenSSL's own reader.
 */
#include "attest/simdir.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "attest/keyfile.h"
#include "common/err.h"
#include "common/file.h"

#define FILE_LEN_MAX 65536 /* bytes */

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

/* Without it OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int cap, int is_write, void *user)
{
    return -1;
}

EVP_PKEY *simdir_read_key(const char *dir, const char *name, struct err *err)
{
    char path[SIMDIR_PATH_CAP];

    return simdir_path(dir, name, path, err) == 0 ? keyfile_read(path, err) : NULL;
}

X509 *simdir_read_cert(const char *dir, const char *name, struct err *err)
{
    char path[SIMDIR_PATH_CAP];
    uint8_t *data = NULL;
    size_t len = 0;
    X509 *cert = NULL;
    BIO *memory = NULL;

    if (simdir_path(dir, name, path, err) != 0 ||
        file_read(path, FILE_LEN_MAX, &data, &len, err) != 0) {
        return NULL;
    }
    memory = BIO_new_mem_buf(data, (int)len);
    cert = memory != NULL ? PEM_read_bio_X509(memory, NULL, no_password, NULL) : NULL;
    if (cert == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s/%s: no certificate", dir, name);
    }
    BIO_free(memory);
    free(data);
    return cert;
}

int simdir_refuse_vendor_keys(const char *dir, struct err *err)
{
    static const char *const names[] = {"ark.key", "ask.key"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[SIMDIR_PATH_CAP];

        if (simdir_path(dir, names[i], path, err) != 0) {
            return -1;
        }
        if (access(path, F_OK) == 0) {
            return err_set(err, ERR_INVALID, "%s: a vendor key in a machine's folder", path);
        }
    }
    return 0;
}
