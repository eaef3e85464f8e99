/*
 * Keys: what does not fit together is refused, and so is a secret that others may read.
 */
#include "ca/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "ca/init.h"
#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"

#define PATH_CAP (FOLDER_PATH_CAP + 64)

/* Two authorities of one trust domain. */
struct fixture {
    char dir[FOLDER_PATH_CAP];
    char paths[2][6][PATH_CAP]; /* in the order of struct keys_options */
};

static int setup(void **state)
{
    static const char *const name = "localhost";
    static const char *const files[] = {"root.pem",   "issuing.pem", "issuing.key",
                                        "server.pem", "server.key",  "nonce.secret"};
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    folder_make(f->dir);
    for (unsigned i = 0; i < 2; i++) {
        char dir[PATH_CAP];
        struct err err = {0};

        snprintf(dir, sizeof(dir), "%s/%u", f->dir, i);
        assert_int_equal(
            init_create(&(struct init_options){dir, "prod.example", &name, 1, 1790000000}, &err),
            0);
        for (unsigned j = 0; j < 6; j++) {
            snprintf(f->paths[i][j], PATH_CAP, "%s/%u/%s", f->dir, i, files[j]);
        }
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    folder_remove(f->dir);
    free(f);
    return 0;
}

/* Loads authority 0 with file `which` replaced by `path` (NULL: none is). */
static int load(const struct fixture *f, unsigned which, const char *path, const char *trust_domain,
                struct err *err)
{
    const char *p[6];
    struct keys keys;

    for (unsigned i = 0; i < 6; i++) {
        p[i] = path != NULL && i == which ? path : f->paths[0][i];
    }
    *err = (struct err){0};
    if (keys_load(&(struct keys_options){p[0], p[1], p[2], p[3], p[4], p[5], trust_domain}, &keys,
                  err) != 0) {
        return -1;
    }
    keys_deinit(&keys);
    return 0;
}

static void what_does_not_fit_together_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct {
        unsigned which;
        const char *path;
        const char *message;
    } cases[] = {
        {0, f->paths[1][0], "issuing.pem: not signed by"},
        {1, f->paths[1][1], "issuing.pem: not signed by"},
        {1, f->paths[0][3], "server.pem: not the certificate of a CA"},
        {2, f->paths[1][2], "issuing.key: not the key of its certificate"},
        {2, f->paths[0][5], "nonce.secret: no private key"},
        {4, f->paths[1][4], "server.key: not the key of its certificate"},
        {5, f->paths[0][2], "issuing.key: need 32 bytes"},
        {3, f->paths[0][5], "nonce.secret: no certificate"},
        {0, "/none", "/none: No such file"},
    };
    struct err err;

    assert_int_equal(load(f, 0, NULL, "prod.example", &err), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(load(f, cases[i].which, cases[i].path, "prod.example", &err), -1);
        if (strstr(err.msg, cases[i].message) == NULL) {
            fail_msg("case %zu: %s", i, err.msg);
        }
    }
}

static void the_issuing_ca_belongs_to_the_policys_trust_domain(void **state)
{
    struct err err;

    assert_int_equal(load(*state, 0, NULL, "prod.example.org", &err), -1);
    assert_non_null(strstr(err.msg, "not for the policy's trust_domain prod.example.org"));
    assert_int_equal(err.code, ERR_INVALID);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
    static const unsigned secrets[] = {2, 4, 5};
    static const mode_t modes[] = {0440, 0404, 0420, 0401};
    struct fixture *f = *state;

    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < 4; j++) {
            struct err err;

            assert_int_equal(chmod(f->paths[0][secrets[i]], modes[j]), 0);
            assert_int_equal(load(f, 0, NULL, "prod.example", &err), -1);
            assert_non_null(strstr(err.msg, "others may read it; chmod 0400"));
        }
        assert_int_equal(chmod(f->paths[0][secrets[i]], 0400), 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_does_not_fit_together_is_refused),
        CASE(the_issuing_ca_belongs_to_the_policys_trust_domain),
        CASE(a_secret_that_others_may_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
