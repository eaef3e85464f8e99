/*
 * Keyfile: a key comes from PEM alone, and nobody is asked for a pass phrase.
 */
#include "attest/keyfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"

enum form { FORM_KEY, FORM_ENCRYPTED, FORM_PUBLIC, FORM_JUNK };

static void write_key(const char *path, EVP_PKEY *key, enum form form)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len = 0;
    int ok = 1;
    struct err err;

    switch (form) {
    case FORM_KEY:
        ok = PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL);
        break;
    case FORM_ENCRYPTED:
        ok = PEM_write_bio_PKCS8PrivateKey(memory, key, EVP_aes_256_cbc(), "pass", 4, NULL, NULL);
        break;
    case FORM_PUBLIC:
        ok = PEM_write_bio_PUBKEY(memory, key);
        break;
    case FORM_JUNK:
        ok = BIO_puts(memory, "junk") == 4;
        break;
    }
    assert_int_equal(ok, 1);
    len = BIO_get_mem_data(memory, &data);
    assert_int_equal(file_replace(path, 0600, data, (size_t)len, &err), 0);
    BIO_free(memory);
}

static void only_an_open_private_key_is_one(void **state)
{
    char folder[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 8];
    EVP_PKEY *key = EVP_EC_gen("P-384");
    EVP_PKEY *back = NULL;
    struct err err = {0};

    folder_make(folder);
    snprintf(path, sizeof(path), "%s/key", folder);
    write_key(path, key, FORM_KEY);
    back = keyfile_read(path, &err);
    assert_non_null(back);
    assert_int_equal(EVP_PKEY_eq(key, back), 1);
    EVP_PKEY_free(back);
    for (enum form form = FORM_ENCRYPTED; form <= FORM_JUNK; form++) {
        write_key(path, key, form);
        assert_null(keyfile_read(path, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, "no key"));
    }
    assert_int_equal(remove(path), 0);
    assert_null(keyfile_read(path, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(keyfile_read(path, &err));
    assert_int_equal(err.code, ERR_INVALID);
    EVP_PKEY_free(key);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_an_open_private_key_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
