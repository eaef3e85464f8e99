/*
 * Keyfile: OpenSSL's own reader, over memory that is wiped.
 */
#include "attest/keyfile.h"

#include <stdint.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "common/err.h"
#include "common/file.h"

#define FILE_LEN_MAX 65536 /* bytes */

/* Without it OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int cap, int is_write, void *user)
{
    return -1;
}

EVP_PKEY *keyfile_read(const char *path, struct err *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    EVP_PKEY *key = NULL;
    BIO *memory = NULL;

    if (file_read(path, FILE_LEN_MAX, &data, &len, err) != 0) {
        return NULL;
    }
    memory = BIO_new_mem_buf(data, (int)len);
    key = memory != NULL ? PEM_read_bio_PrivateKey(memory, NULL, no_password, NULL) : NULL;
    if (key == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no key", path);
    }
    BIO_free(memory);
    OPENSSL_cleanse(data, len);
    free(data);
    return key;
}
