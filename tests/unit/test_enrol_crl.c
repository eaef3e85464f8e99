/*
 * Enrolment with a revocation list among the collateral: what was accepted once is not rolled back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "attest/simdir.h"
#include "common/err.h"
#include "tests/lib/attempt.h"
#include "tests/lib/authority.h"
#include "tests/lib/revocation.h"
#include "tests/lib/specimen.h"
#include "tests/lib/vendor.h"

struct world {
    struct authority authority;
    EVP_PKEY *ark_key;
    struct specimen_cert ark;
    struct specimen_cert crl;
};

static int set_up(void **state)
{
    static struct world w;
    char vendor[VENDOR_PATH_CAP];
    struct bytes der;
    struct err err;

    authority_init(&w.authority, AUTHORITY_POLICY);
    vendor_path("Sim", vendor);
    w.ark_key = simdir_read_key(vendor, "ark.key", &err);
    assert_non_null(w.ark_key);
    der = w.authority.collateral.view.certs[w.authority.collateral.view.num_certs - 1];
    memcpy(w.ark.data, der.data, der.len);
    w.ark.len = der.len;
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->ark_key);
    authority_deinit(&w->authority);
    return 0;
}

/* One enrolment under a list of this number; the slug of its refusal, NULL: accepted. */
static const char *enrol(struct world *w, int64_t number, bool revoked)
{
    const struct revocation list = {
        .issuer = &w->ark,
        .signer = w->ark_key,
        .number = number,
        .this_update = AUTHORITY_NOW_MS / 1000 - 60,
        .next_update = AUTHORITY_NOW_MS / 1000 + 60,
        .revoked = revoked ? &w->ark : NULL,
    };
    struct collateral with_list = w->authority.collateral.view;
    struct bytes crl;
    struct attempt *a = attempt_new(&w->authority);
    const char *slug = NULL;

    revocation_make(&list, &w->crl);
    crl = (struct bytes){w->crl.data, w->crl.len};
    with_list.crls = &crl;
    with_list.num_crls = 1;
    w->authority.enrol.collateral = &with_list;
    attempt_prepare(a, NULL);
    slug = attempt_decide(a) ? NULL : a->result.verdict.slug;
    attempt_free(a);
    return slug;
}

/* Takes from the store which lists there were, but not their numbers. */
static void lose_the_lists(struct world *w)
{
    char path[FOLDER_PATH_CAP + 16];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/ca.db", w->authority.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM vendor WHERE kind = 'crl'", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

static void an_older_list_is_refused_once_a_newer_one_was_accepted(void **state)
{
    struct world *w = *state;

    assert_null(enrol(w, 4, false));
    assert_null(enrol(w, 5, false));
    assert_null(enrol(w, 5, false));
    assert_null(enrol(w, 4, false)); /* by the newer one, which the store has kept */
    lose_the_lists(w);
    assert_string_equal(enrol(w, 4, false), "crl-rollback");
    assert_string_equal(enrol(w, 9, true), "root-revoked");
    assert_null(enrol(w, 6, false)); /* a refusal is not remembered */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_list_is_refused_once_a_newer_one_was_accepted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
