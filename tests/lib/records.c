/*
 * Records: the key schedule of RFC 8446 section 7.3 and the record of section 5.2.
 */
#include "tests/lib/records.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#define KEY_LEN 16
#define IV_LEN 12
#define TAG_LEN 16
#define HEADER_LEN 5
#define RECORD_CAP 512

static void records_on_key(const SSL *ssl, const char *line)
{
    struct records *records = SSL_get_ex_data(ssl, 0);
    size_t len = strlen(records->label);
    const char *hex = strrchr(line, ' ') + 1;

    if (strncmp(line, records->label, len) != 0 || line[len] != ' ') {
        return;
    }
    assert(strlen(hex) == (size_t)2 * RECORDS_SECRET_LEN);
    for (size_t i = 0; i < RECORDS_SECRET_LEN; i++) {
        unsigned byte = 0;

        assert(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        records->secret[i] = (uint8_t)byte;
    }
}

void records_watch(struct records *records, SSL *ssl)
{
    *records = (struct records){.label = SSL_is_server(ssl) ? "SERVER_TRAFFIC_SECRET_0"
                                                            : "CLIENT_TRAFFIC_SECRET_0"};
    assert(SSL_set_ex_data(ssl, 0, records) == 1);
    assert(SSL_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256") == 1);
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), records_on_key);
}

/* HKDF-Expand-Label without a context. */
static void records_expand(const struct records *records, const char *label, uint8_t *out,
                           size_t len)
{
    char texts[3][32] = {"SHA256", "tls13 ", ""};
    uint8_t secret[RECORDS_SECRET_LEN];
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[6];

    (void)snprintf(texts[2], sizeof(texts[2]), "%s", label);
    memcpy(secret, records->secret, sizeof(secret));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, texts[0], 0);
    params[1] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, sizeof(secret));
    params[3] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, texts[1], strlen(texts[1]));
    params[4] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, texts[2], strlen(texts[2]));
    params[5] = OSSL_PARAM_construct_end();
    assert(ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

void records_put(struct records *records, int fd, uint8_t type, const void *data, size_t len)
{
    uint8_t record[RECORD_CAP];
    uint8_t inner[RECORD_CAP];
    uint8_t key[KEY_LEN];
    uint8_t iv[IV_LEN];
    size_t sealed = len + 1 + TAG_LEN;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int done = 0;

    assert(ctx != NULL && HEADER_LEN + sealed <= RECORD_CAP);
    records_expand(records, "key", key, sizeof(key));
    records_expand(records, "iv", iv, sizeof(iv));
    for (unsigned i = 0; i < 8; i++) {
        iv[IV_LEN - 1 - i] ^= (uint8_t)(records->num_sent >> (8 * i));
    }
    records->num_sent++;
    memcpy(record, (const uint8_t[]){0x17, 3, 3, (uint8_t)(sealed >> 8), (uint8_t)sealed},
           HEADER_LEN);
    memcpy(inner, data, len);
    inner[len] = type;
    assert(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv) == 1);
    assert(EVP_EncryptUpdate(ctx, NULL, &done, record, HEADER_LEN) == 1);
    assert(EVP_EncryptUpdate(ctx, record + HEADER_LEN, &done, inner, (int)len + 1) == 1);
    assert(EVP_EncryptFinal_ex(ctx, NULL, &done) == 1);
    assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
                               record + HEADER_LEN + len + 1) == 1);
    EVP_CIPHER_CTX_free(ctx);
    assert(send(fd, record, HEADER_LEN + sealed, MSG_NOSIGNAL) == (ssize_t)(HEADER_LEN + sealed));
}

void records_update(struct records *records)
{
    uint8_t next[RECORDS_SECRET_LEN];

    records_expand(records, "traffic upd", next, sizeof(next));
    memcpy(records->secret, next, sizeof(next));
    records->num_sent = 0;
}
