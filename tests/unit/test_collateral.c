/*
 * Collateral: which files of the folder count, and that a bad one stops the start.
 */
#include "ca/collateral.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"
#include "tests/lib/pki.h"

struct fixture {
    char dir[FOLDER_PATH_CAP];
    struct pki pki;
    uint8_t der[2048];
    size_t der_len;
    char pem[4096];
    size_t pem_len;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    BIO *bio = BIO_new(BIO_s_mem());
    uint8_t *end = NULL;

    assert_non_null(f);
    folder_make(f->dir);
    pki_init(&f->pki);
    end = f->der;
    f->der_len = (size_t)i2d_X509(f->pki.ca, &end);
    PEM_write_bio_X509(bio, f->pki.ca);
    f->pem_len = (size_t)BIO_read(bio, f->pem, sizeof(f->pem));
    BIO_free(bio);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pki_deinit(&f->pki);
    folder_remove(f->dir);
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *name, const void *data, size_t len)
{
    char path[FOLDER_PATH_CAP + 64];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(file_replace(path, 0600, data, len, &err), 0);
}

static void drop(const struct fixture *f, const char *name)
{
    char path[FOLDER_PATH_CAP + 64];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(unlink(path), 0);
}

static void both_forms_are_read_and_what_is_lent_comes_last(void **state)
{
    struct fixture *f = *state;
    static const uint8_t lent[] = {0x30, 0x00};
    struct collateral_set set;
    char twice[8192];
    struct err err = {0};

    memcpy(twice, f->pem, f->pem_len);
    memcpy(twice + f->pem_len, f->pem, f->pem_len);
    put(f, "a.der", f->der, f->der_len);
    put(f, "b.pem", twice, 2 * f->pem_len);
    put(f, "README", "not a certificate", 17);
    assert_int_equal(collateral_load(f->dir, (struct bytes){lent, 2}, &set, &err), 0);
    assert_int_equal(set.view.num_certs, 4);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(set.view.certs[i].len, f->der_len);
        assert_memory_equal(set.view.certs[i].data, f->der, f->der_len);
    }
    assert_ptr_equal(set.view.certs[3].data, lent);
    collateral_deinit(&set);
}

static void without_a_folder_there_is_only_what_is_lent(void **state)
{
    struct collateral_set set;
    struct err err = {0};

    assert_int_equal(collateral_load(NULL, (struct bytes){NULL, 0}, &set, &err), 0);
    assert_int_equal(set.view.num_certs, 0);
    collateral_deinit(&set);
    assert_int_equal(collateral_load("/none", (struct bytes){NULL, 0}, &set, &err), -1);
    assert_int_equal(err.code, ERR_IO);
}

static void a_bad_file_is_an_error_that_names_it(void **state)
{
    struct fixture *f = *state;
    uint8_t long_der[2049];
    char broken[4096];
    size_t first_len = f->pem_len;
    const struct {
        const char *name;
        const void *data;
        size_t len;
        const char *message;
    } cases[] = {
        {"a.der", "text", 4, "a.der: not a certificate"},
        {"a.der", long_der, f->der_len + 1, "a.der: not a certificate"},
        {"a.pem", f->der, f->der_len, "a.pem: not a certificate"},
        {"a.pem", "", 0, "a.pem: not a certificate"},
        {"a.pem", broken, 2 * first_len, "a.pem: not a certificate"},
        {"a.crl", "x", 1, "a.crl: not a revocation list in DER"},
    };

    memcpy(long_der, f->der, f->der_len);
    long_der[f->der_len] = 0;
    memcpy(broken, f->pem, first_len); /* a sound one, and one that is cut inside */
    memcpy(broken + first_len, f->pem, first_len);
    memset(broken + first_len + 100, '!', 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct collateral_set set;
        struct err err = {0};

        put(f, cases[i].name, cases[i].data, cases[i].len);
        assert_int_equal(collateral_load(f->dir, (struct bytes){NULL, 0}, &set, &err), -1);
        if (strstr(err.msg, cases[i].message) == NULL) {
            fail_msg("case %zu: %s", i, err.msg);
        }
        assert_int_equal(err.code, ERR_INVALID);
        drop(f, cases[i].name);
    }
}

static void there_is_a_limit_to_the_number(void **state)
{
    struct fixture *f = *state;
    struct collateral_set set;
    struct err err = {0};

    for (unsigned i = 0; i < COLLATERAL_CERTS_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "%02u.der", i);
        put(f, name, f->der, f->der_len);
    }
    assert_int_equal(collateral_load(f->dir, (struct bytes){NULL, 0}, &set, &err), -1);
    assert_non_null(strstr(err.msg, "more than 63 certificates"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_forms_are_read_and_what_is_lent_comes_last),
        CASE(without_a_folder_there_is_only_what_is_lent),
        CASE(a_bad_file_is_an_error_that_names_it),
        CASE(there_is_a_limit_to_the_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
