/*
 * Keyfile: the text of a key, wiped once it is decoded.
 */
#include "attest/keyfile.h"

#include <stdint.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "common/err.h"
#include "common/file.h"
#include "common/secrecy.h"

#define FILE_LEN_MAX 65536 /* bytes */

EVP_PKEY *keyfile_read(const char *path, struct err *err)
{
    uint8_t *data = NULL;
    size_t len = 0;
    EVP_PKEY *key = NULL;

    if (file_read(path, FILE_LEN_MAX, &data, &len, err) != 0) {
        return NULL;
    }
    key = secrecy_decode_key(data, len);
    if (key == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s: no key", path);
    }
    OPENSSL_cleanse(data, len);
    free(data);
    return key;
}
