/*
 * Idblock: what is signed holds by other code, too, and firmware would notice any change.
 */
#include "attest/idblock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "attest/keyfile.h"
#include "common/err.h"
#include "common/file.h"

static const struct idblock example = {
    .measurement = {0x3f, 0x9a},
    .family_id = {0xfa},
    .image_id = {0x1a},
    .guest_svn = 0x01020304,
    .policy = 0x30133,
};

static void sign_example(uint8_t bytes[static IDBLOCK_LEN], EVP_PKEY *id_key, EVP_PKEY *author_key,
                         uint8_t auth[static IDBLOCK_AUTH_LEN])
{
    struct err err = {0};

    idblock_write(&example, bytes);
    if (idblock_sign(bytes, id_key, author_key, auth, &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

/* By the firmware's offsets, with nothing of the module. */
static void assert_signed(EVP_PKEY *key, const uint8_t *signature, const void *message, size_t len)
{
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    int der_len = 0;

    assert_int_equal(ECDSA_SIG_set0(numbers, BN_lebin2bn(signature, 72, NULL),
                                    BN_lebin2bn(signature + 72, 72, NULL)),
                     1);
    der_len = i2d_ECDSA_SIG(numbers, &der);
    assert_true(der_len > 0);
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha384(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, der, (size_t)der_len, message, len), 1);
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    ECDSA_SIG_free(numbers);
}

static void assert_key_is(const uint8_t *at, EVP_PKEY *key, const uint8_t digest[static 48])
{
    uint8_t point[97];
    uint8_t own_digest[48];
    size_t len = 0;

    assert_int_equal(
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len),
        1);
    assert_int_equal(len, sizeof(point));
    assert_memory_equal(at, "\x02\0\0\0", 4);
    for (size_t i = 0; i < 48; i++) {
        assert_int_equal(at[4 + i], point[48 - i]);
        assert_int_equal(at[0x4c + i], point[96 - i]);
    }
    assert_int_equal(EVP_Digest(at, 0x404, own_digest, NULL, EVP_sha384(), NULL), 1);
    assert_memory_equal(own_digest, digest, sizeof(own_digest));
}

static void what_is_written_lies_where_firmware_reads_it(void **state)
{
    EVP_PKEY *id_key = EVP_EC_gen("P-384");
    EVP_PKEY *author_key = EVP_EC_gen("P-384");
    uint8_t bytes[IDBLOCK_LEN];
    uint8_t auth[IDBLOCK_AUTH_LEN];
    struct idblock_keys keys;
    struct idblock back;
    struct err err = {0};

    sign_example(bytes, id_key, author_key, auth);
    assert_memory_equal(bytes, "\x3f\x9a", 2);
    assert_memory_equal(bytes + 0x30, "\xfa", 1);
    assert_memory_equal(bytes + 0x40, "\x1a", 1);
    assert_memory_equal(bytes + 0x50, "\x01\0\0\0\x04\x03\x02\x01\x33\x01\x03\0\0\0\0\0", 16);
    assert_memory_equal(auth, "\x01\0\0\0\x01\0\0\0", 8);
    assert_signed(id_key, auth + 0x40, bytes, 0x60);
    assert_signed(author_key, auth + 0x680, auth + 0x240, 0x404);
    assert_int_equal(idblock_check(bytes, auth, &keys, &err), 0);
    assert_true(keys.has_author);
    assert_key_is(auth + 0x240, id_key, keys.id_key);
    assert_key_is(auth + 0x880, author_key, keys.author_key);
    assert_int_equal(idblock_read(bytes, &back, &err), 0);
    assert_memory_equal(back.measurement, example.measurement, sizeof(back.measurement));
    assert_memory_equal(back.family_id, example.family_id, sizeof(back.family_id));
    assert_memory_equal(back.image_id, example.image_id, sizeof(back.image_id));
    assert_true(back.guest_svn == example.guest_svn && back.policy == example.policy);
    for (uint8_t version = 0; version <= 2; version += 2) {
        bytes[0x50] = version;
        assert_int_equal(idblock_read(bytes, &back, &err), -1);
        assert_string_equal(err.msg, "ID block: not of version 1");
    }
    EVP_PKEY_free(author_key);
    EVP_PKEY_free(id_key);
}

static void no_bit_can_be_changed(void **state)
{
    EVP_PKEY *id_key = EVP_EC_gen("P-384");
    EVP_PKEY *author_key = EVP_EC_gen("P-384");
    uint8_t bytes[IDBLOCK_LEN];
    uint8_t auth[IDBLOCK_AUTH_LEN];
    struct idblock_keys keys;
    struct err err = {0};

    for (unsigned with = 0; with < 2; with++) {
        sign_example(bytes, id_key, with == 1 ? author_key : NULL, auth);
        assert_int_equal(idblock_check(bytes, auth, &keys, &err), 0);
        assert_int_equal(keys.has_author, with == 1);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] ^= (uint8_t)(1U << (i % 8));
            assert_int_equal(idblock_check(bytes, auth, &keys, &err), -1);
            assert_int_equal(err.code, ERR_DENIED);
            assert_string_equal(err.msg, "ID key: the signature does not hold");
            bytes[i] ^= (uint8_t)(1U << (i % 8));
        }
        for (size_t i = 0; i < sizeof(auth); i++) {
            auth[i] ^= (uint8_t)(1U << (i % 8));
            if (idblock_check(bytes, auth, &keys, &err) == 0) {
                fail_msg("byte 0x%zx is not looked at", i);
            }
            auth[i] ^= (uint8_t)(1U << (i % 8));
        }
    }
    EVP_PKEY_free(author_key);
    EVP_PKEY_free(id_key);
}

static void only_keys_on_p384_sign(void **state)
{
    EVP_PKEY *good = EVP_EC_gen("P-384");
    EVP_PKEY *bad[] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-521"),
                       EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    uint8_t bytes[IDBLOCK_LEN];
    uint8_t auth[IDBLOCK_AUTH_LEN];

    idblock_write(&example, bytes);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = {0};

        assert_int_equal(idblock_sign(bytes, bad[i], NULL, auth, &err), -1);
        assert_string_equal(err.msg, "ID key: need an EC key on P-384");
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(idblock_sign(bytes, good, bad[i], auth, &err), -1);
        assert_string_equal(err.msg, "author key: need an EC key on P-384");
        EVP_PKEY_free(bad[i]);
    }
    EVP_PKEY_free(good);
}

/* The measurement that the published block was made for. */
static const uint8_t published_measurement[IDBLOCK_DIGEST_LEN] = {
    0xa1, 0x4d, 0x63, 0x83, 0x41, 0xe5, 0x67, 0x46, 0x28, 0xfe, 0x1e, 0x02, 0xfb, 0xed, 0xeb, 0xe5,
    0xe5, 0xab, 0x4f, 0xaf, 0x1d, 0xd7, 0x2d, 0x89, 0x66, 0x06, 0x8e, 0x61, 0x5b, 0xb9, 0x9e, 0xfd,
    0x13, 0xd2, 0x14, 0xb3, 0x5c, 0x23, 0x17, 0x15, 0xb3, 0x8e, 0x26, 0x3d, 0xc6, 0x05, 0x97, 0x45};

static EVP_PKEY *published_key(const char *dir, const char *name)
{
    char path[600];
    struct err err;
    EVP_PKEY *key = NULL;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    key = keyfile_read(path, &err);
    assert_non_null(key);
    return key;
}

static void the_published_block_holds_and_its_keys_come_out(void **state)
{
    const char *fixtures = getenv("LIFTGATE_FIXTURES");
    char dir[512];
    char path[600];
    const struct idblock block = {.policy = 0x30000};
    struct idblock made = block;
    uint8_t bytes[IDBLOCK_LEN];
    uint8_t own[IDBLOCK_AUTH_LEN];
    uint8_t *auth = NULL;
    size_t len = 0;
    struct idblock_keys keys;
    struct err err = {0};
    EVP_PKEY *id_key = NULL;
    EVP_PKEY *author_key = NULL;

    snprintf(dir, sizeof(dir), "%s/measure/id-block",
             fixtures != NULL ? fixtures : LIFTGATE_FIXTURES_DEFAULT);
    snprintf(path, sizeof(path), "%s/test_auth_block.bin", dir);
    if (file_read(path, IDBLOCK_AUTH_LEN, &auth, &len, &err) != 0) {
        printf("SKIP: idblock: the_published_block_holds_and_its_keys_come_out: no %s\n", path);
        skip();
    }
    assert_int_equal(len, IDBLOCK_AUTH_LEN);
    memcpy(made.measurement, published_measurement, sizeof(made.measurement));
    idblock_write(&made, bytes);
    assert_int_equal(idblock_check(bytes, auth, &keys, &err), 0);
    assert_true(keys.has_author);
    id_key = published_key(dir, "test_id_key.pem");
    author_key = published_key(dir, "test_auth_key.pem");
    assert_int_equal(idblock_sign(bytes, id_key, author_key, own, &err), 0);
    assert_memory_equal(own, auth, 0x40);
    assert_memory_equal(own + 0x240, auth + 0x240, 0x440); /* the ID key */
    assert_memory_equal(own + 0x880, auth + 0x880, 0x780); /* the author's */
    EVP_PKEY_free(author_key);
    EVP_PKEY_free(id_key);
    free(auth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_lies_where_firmware_reads_it),
        cmocka_unit_test(no_bit_can_be_changed),
        cmocka_unit_test(only_keys_on_p384_sign),
        cmocka_unit_test(the_published_block_holds_and_its_keys_come_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
