/*
 * Idblock: offsets, keys as little-endian points, signatures.
 */
#include "attest/idblock.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "attest/little_endian.h"
#include "attest/signature.h"
#include "common/err.h"

/* In the ID block. */
#define FAMILY_ID 0x30
#define IMAGE_ID 0x40
#define VERSION 0x50
#define GUEST_SVN 0x54
#define POLICY 0x58

/* In the ID authentication. */
#define ID_ALGORITHM 0x000
#define AUTHOR_ALGORITHM 0x004
#define BLOCK_SIGNATURE 0x040
#define ID_KEY 0x240
#define ID_KEY_SIGNATURE 0x680
#define AUTHOR_KEY 0x880

/* In a key. */
#define KEY_LEN 0x404
#define KEY_X 4
#define KEY_Y 0x4c
#define COORDINATE_LEN ((size_t)48)

#define ECDSA_P384_SHA384 1
#define CURVE_P384 2
#define GROUP "secp384r1"

void idblock_write(const struct idblock *block, uint8_t out[static IDBLOCK_LEN])
{
    memcpy(out, block->measurement, IDBLOCK_DIGEST_LEN);
    memcpy(out + FAMILY_ID, block->family_id, IDBLOCK_ID_LEN);
    memcpy(out + IMAGE_ID, block->image_id, IDBLOCK_ID_LEN);
    little_endian_write(out + VERSION, 1, 4);
    little_endian_write(out + GUEST_SVN, block->guest_svn, 4);
    little_endian_write(out + POLICY, block->policy, 8);
}

int idblock_read(const uint8_t bytes[static IDBLOCK_LEN], struct idblock *out_block,
                 struct err *err)
{
    if (little_endian_u32(bytes + VERSION) != 1) {
        return err_set(err, ERR_INVALID, "ID block: not of version 1");
    }
    memcpy(out_block->measurement, bytes, IDBLOCK_DIGEST_LEN);
    memcpy(out_block->family_id, bytes + FAMILY_ID, IDBLOCK_ID_LEN);
    memcpy(out_block->image_id, bytes + IMAGE_ID, IDBLOCK_ID_LEN);
    out_block->guest_svn = little_endian_u32(bytes + GUEST_SVN);
    out_block->policy = little_endian_read(bytes + POLICY, 8);
    return 0;
}

static bool put_coordinate(const EVP_PKEY *key, const char *name, uint8_t *at)
{
    BIGNUM *number = NULL;
    bool ok = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
              BN_bn2lebinpad(number, at, COORDINATE_LEN) == COORDINATE_LEN;

    BN_free(number);
    return ok;
}

/* `what` is the key's name in messages. */
static int put_key(const EVP_PKEY *key, const char *what, uint8_t *at, struct err *err)
{
    char group[32] = "";

    if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
        strcmp(group, GROUP) != 0) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "%s key: need an EC key on P-384", what);
    }
    little_endian_write(at, CURVE_P384, 4);
    if (!put_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, at + KEY_X) ||
        !put_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, at + KEY_Y)) {
        return err_set_openssl(err, ERR_LIMIT, "%s key", what);
    }
    return 0;
}

int idblock_sign(const uint8_t bytes[static IDBLOCK_LEN], EVP_PKEY *id_key, EVP_PKEY *author_key,
                 uint8_t out_auth[static IDBLOCK_AUTH_LEN], struct err *err)
{
    memset(out_auth, 0, IDBLOCK_AUTH_LEN);
    little_endian_write(out_auth + ID_ALGORITHM, ECDSA_P384_SHA384, 4);
    if (put_key(id_key, "ID", out_auth + ID_KEY, err) != 0 ||
        signature_make(id_key, (struct bytes){bytes, IDBLOCK_LEN}, out_auth + BLOCK_SIGNATURE,
                       err) != 0) {
        return -1;
    }
    if (author_key == NULL) {
        return 0;
    }
    little_endian_write(out_auth + AUTHOR_ALGORITHM, ECDSA_P384_SHA384, 4);
    if (put_key(author_key, "author", out_auth + AUTHOR_KEY, err) != 0) {
        return -1;
    }
    return signature_make(author_key, (struct bytes){out_auth + ID_KEY, KEY_LEN},
                          out_auth + ID_KEY_SIGNATURE, err);
}

static bool is_zero(const uint8_t *at, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++) {
        any |= at[i];
    }
    return any == 0;
}

/* NULL unless it is a point on the curve and nothing else. */
static EVP_PKEY *take_key(const uint8_t *at)
{
    uint8_t point[1 + 2 * COORDINATE_LEN] = {4};
    char group[] = GROUP;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = NULL;
    EVP_PKEY *key = NULL;

    if (little_endian_u32(at) != CURVE_P384 ||
        !is_zero(at + KEY_X + COORDINATE_LEN, KEY_Y - KEY_X - COORDINATE_LEN) ||
        !is_zero(at + KEY_Y + COORDINATE_LEN, KEY_LEN - KEY_Y - COORDINATE_LEN)) {
        return NULL;
    }
    for (size_t i = 0; i < COORDINATE_LEN; i++) { /* OpenSSL wants them big-endian */
        point[COORDINATE_LEN - i] = at[KEY_X + i];
        point[2 * COORDINATE_LEN - i] = at[KEY_Y + i];
    }
    context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    ERR_clear_error();
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool padding_is_zero(const uint8_t *signature)
{
    size_t end = SIGNATURE_S + SIGNATURE_VALUE_LEN;

    return is_zero(signature + SIGNATURE_VALUE_LEN, SIGNATURE_S - SIGNATURE_VALUE_LEN) &&
           is_zero(signature + end, SIGNATURE_LEN - end);
}

/* One key, its signature over `message`, and its digest. */
static int check_key(const uint8_t *key_at, const uint8_t *signature, struct bytes message,
                     uint8_t out_digest[static IDBLOCK_DIGEST_LEN], struct err *err)
{
    EVP_PKEY *key = take_key(key_at);
    bool ok = false;

    if (key == NULL || !padding_is_zero(signature)) {
        EVP_PKEY_free(key);
        return err_set(err, ERR_INVALID, "no key on P-384, or no signature in its form");
    }
    ok = signature_holds(key, message, signature);
    EVP_PKEY_free(key);
    if (!ok) {
        return err_set(err, ERR_DENIED, "the signature does not hold");
    }
    return EVP_Digest(key_at, KEY_LEN, out_digest, NULL, EVP_sha384(), NULL) == 1
               ? 0
               : err_set_openssl(err, ERR_LIMIT, "digest");
}

/* What nobody reads must be zero; without an author that is also what only he would need. */
static bool reserved_is_zero(const uint8_t *auth, bool has_author)
{
    return is_zero(auth + AUTHOR_ALGORITHM + 4, BLOCK_SIGNATURE - AUTHOR_ALGORITHM - 4) &&
           is_zero(auth + ID_KEY + KEY_LEN, ID_KEY_SIGNATURE - ID_KEY - KEY_LEN) &&
           is_zero(auth + ID_KEY_SIGNATURE + SIGNATURE_LEN,
                   AUTHOR_KEY - ID_KEY_SIGNATURE - SIGNATURE_LEN) &&
           is_zero(auth + AUTHOR_KEY + KEY_LEN, IDBLOCK_AUTH_LEN - AUTHOR_KEY - KEY_LEN) &&
           (has_author || (is_zero(auth + AUTHOR_ALGORITHM, 4) &&
                           is_zero(auth + ID_KEY_SIGNATURE, SIGNATURE_LEN)));
}

int idblock_check(const uint8_t bytes[static IDBLOCK_LEN],
                  const uint8_t auth[static IDBLOCK_AUTH_LEN], struct idblock_keys *out_keys,
                  struct err *err)
{
    struct idblock_keys keys = {.has_author = !is_zero(auth + AUTHOR_KEY, KEY_LEN)};

    if (little_endian_u32(auth + ID_ALGORITHM) != ECDSA_P384_SHA384 ||
        (keys.has_author && little_endian_u32(auth + AUTHOR_ALGORITHM) != ECDSA_P384_SHA384)) {
        return err_set(err, ERR_INVALID, "ID authentication: not ECDSA P-384 with SHA-384");
    }
    if (!reserved_is_zero(auth, keys.has_author)) {
        return err_set(err, ERR_INVALID, "ID authentication: what is reserved is not zero");
    }
    if (check_key(auth + ID_KEY, auth + BLOCK_SIGNATURE, (struct bytes){bytes, IDBLOCK_LEN},
                  keys.id_key, err) != 0) {
        return err_wrap(err, "ID key");
    }
    if (keys.has_author &&
        check_key(auth + AUTHOR_KEY, auth + ID_KEY_SIGNATURE,
                  (struct bytes){auth + ID_KEY, KEY_LEN}, keys.author_key, err) != 0) {
        return err_wrap(err, "author key");
    }
    *out_keys = keys;
    return 0;
}
