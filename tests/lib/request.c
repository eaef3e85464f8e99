/*
 * Request: a small DER writer, and the signature.
 */
#include "tests/lib/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define CAP 32768

static void put(struct buf *out, const void *data, size_t len)
{
    assert_true(buf_append(out, data, len));
}

void request_wrap(struct buf *out, uint8_t tag, struct bytes content)
{
    uint8_t head[4] = {tag, (uint8_t)content.len};
    size_t len = 2;

    assert_true(content.len <= 0xffff);
    if (content.len > 0xff) {
        head[1] = 0x82;
        head[2] = (uint8_t)(content.len >> 8);
        head[3] = (uint8_t)content.len;
        len = 4;
    } else if (content.len > 0x7f) {
        head[1] = 0x81;
        head[2] = (uint8_t)content.len;
        len = 3;
    }
    put(out, head, len);
    put(out, content.data, content.len);
}

void request_attribute(struct buf *out, struct bytes oid, struct bytes value)
{
    uint8_t storage[CAP];
    struct buf content = buf_over(storage, sizeof(storage));

    put(&content, oid.data, oid.len);
    request_wrap(&content, 0x31, value);
    request_wrap(out, 0x30, (struct bytes){content.data, content.len});
}

void request_uri(struct buf *out, const char *uri)
{
    uint8_t storage[5][512];
    struct buf level[5];
    const struct bytes oid = {(const uint8_t *)REQUEST_OID_EXTENSIONS,
                              sizeof(REQUEST_OID_EXTENSIONS) - 1};

    for (unsigned i = 0; i < 5; i++) {
        level[i] = buf_over(storage[i], sizeof(storage[i]));
    }
    request_wrap(&level[0], 0x86, (struct bytes){(const uint8_t *)uri, strlen(uri)});
    request_wrap(&level[1], 0x30, (struct bytes){level[0].data, level[0].len});
    put(&level[2], REQUEST_OID_SAN, sizeof(REQUEST_OID_SAN) - 1);
    request_wrap(&level[2], 0x04, (struct bytes){level[1].data, level[1].len});
    request_wrap(&level[3], 0x30, (struct bytes){level[2].data, level[2].len});
    request_wrap(&level[4], 0x30, (struct bytes){level[3].data, level[3].len});
    request_attribute(out, oid, (struct bytes){level[4].data, level[4].len});
}

void request_spki(struct buf *out, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    assert_true(len > 0);
    put(out, der, (size_t)len);
    OPENSSL_free(der);
}

static void put_signature(struct buf *out, EVP_PKEY *key, struct bytes info)
{
    static const uint8_t algorithm[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[1024] = {0}; /* begins with the number of unused bits */
    size_t len = sizeof(signature) - 1;
    const EVP_MD *digest = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

    assert_non_null(ctx);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, digest, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature + 1, &len, info.data, info.len), 1);
    EVP_MD_CTX_free(ctx);
    request_wrap(out, 0x30, (struct bytes){algorithm, sizeof(algorithm)});
    request_wrap(out, 0x03, (struct bytes){signature, len + 1});
}

void request_build(struct buf *out, const struct request_parts *parts)
{
    static const struct bytes nothing = {(const uint8_t *)"", 0};
    uint8_t content_storage[CAP];
    uint8_t request_storage[CAP];
    struct buf content = buf_over(content_storage, sizeof(content_storage));
    struct buf request = buf_over(request_storage, sizeof(request_storage));

    request_wrap(&content, 0x02, (struct bytes){&parts->version, 1});
    request_wrap(&content, 0x30, nothing); /* empty subject */
    if (parts->spki.data != NULL) {
        put(&content, parts->spki.data, parts->spki.len);
    } else {
        request_spki(&content, parts->key);
    }
    request_wrap(&content, 0xa0, parts->attributes);
    request_wrap(&request, 0x30, (struct bytes){content.data, content.len});
    put_signature(&request, parts->key, (struct bytes){request.data, request.len});
    request_wrap(out, 0x30, (struct bytes){request.data, request.len});
}
