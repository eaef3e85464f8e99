/*
 * Renewal: by whoever holds a certificate of ours, for the same instance and the same identity.
 */
#include "ca/renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/err.h"
#include "tests/lib/attempt.h"
#include "tests/lib/authority.h"

#define NOW (AUTHORITY_NOW_MS / 1000)

struct world {
    struct authority authority;
    uint8_t leaf[STORE_CERT_MAX]; /* of a newcomer's enrolment */
    size_t leaf_len;
};

static int set_up(void **state)
{
    static struct world w;
    struct attempt *a = NULL;

    authority_init(&w.authority, AUTHORITY_POLICY);
    a = attempt_new(&w.authority);
    attempt_prepare(a, NULL);
    assert_true(attempt_decide(a));
    memcpy(w.leaf, a->leaf.data, a->leaf.len);
    w.leaf_len = a->leaf.len;
    attempt_free(a);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    authority_deinit(&w->authority);
    return 0;
}

static void become(struct attempt *a, enum report_field field)
{
    struct err err;

    a->report[report_field_info(field)->offset] ^= 1;
    assert_int_equal(sim_sign(a->authority->machine_key, a->report, &err), 0);
}

static void become_another_instance(struct attempt *a)
{
    become(a, REPORT_REPORT_ID);
}

static void get_another_agent(struct attempt *a)
{
    become(a, REPORT_REPORT_ID_MA);
}

/* Renews with a certificate; NULL: accepted, else the slug. */
static const char *renew(struct world *w, void (*apply)(struct attempt *a), struct bytes client)
{
    const struct change change = {STAGE_REPORTED, apply};
    struct attempt *a = attempt_new(&w->authority);
    const char *slug = NULL;

    a->request.renews = true;
    a->request.client = client;
    attempt_prepare(a, apply != NULL ? &change : NULL);
    slug = attempt_decide(a) ? NULL : a->result.verdict.slug;
    attempt_free(a);
    return slug;
}

static void who_holds_a_certificate_of_ours_renews_it(void **state)
{
    struct world *w = *state;
    const struct bytes leaf = {w->leaf, w->leaf_len};

    assert_null(renew(w, NULL, leaf));
    assert_null(renew(w, NULL, leaf)); /* an answer may be lost */
}

static void another_instance_renews_nothing(void **state)
{
    struct world *w = *state;
    const struct bytes leaf = {w->leaf, w->leaf_len};
    const struct change change = {STAGE_REPORTED, become_another_instance};
    struct attempt *newcomer = attempt_new(&w->authority);

    assert_string_equal(renew(w, become_another_instance, leaf), "report-id");
    assert_string_equal(renew(w, get_another_agent, leaf), "report-id-ma");
    assert_null(renew(w, NULL, leaf));
    attempt_prepare(newcomer, &change); /* who renews nothing may be any instance */
    assert_true(attempt_decide(newcomer));
    attempt_free(newcomer);
}

static void what_is_no_certificate_of_ours_renews_nothing(void **state)
{
    struct world *w = *state;
    const struct bytes leaf = {w->leaf, w->leaf_len};

    assert_string_equal(renew(w, NULL, (struct bytes){0}), "client-certificate-missing");
    assert_string_equal(renew(w, NULL, w->authority.collateral.view.certs[0]),
                        "client-certificate-unknown");
    assert_string_equal(renew(w, NULL, (struct bytes){(const uint8_t *)"x", 1}),
                        "client-certificate-unknown");
    w->leaf[w->leaf_len - 1] ^= 1; /* of its signature; the serial number is right */
    assert_string_equal(renew(w, NULL, leaf), "client-certificate-unknown");
}

static void a_certificate_is_renewed_until_its_end(void **state)
{
    struct world *w = *state;
    const struct bytes leaf = {w->leaf, w->leaf_len};
    struct store *store = w->authority.enrol.store;
    struct store_holder holder;
    struct verdict verdict;

    assert_true(renewal_find(store, leaf, NOW + 3599, &holder, &verdict));
    assert_string_equal(holder.spiffe, "spiffe://prod.example/sim/app");
    assert_true(holder.not_after == NOW + 3600 && holder.has_instance);
    assert_false(renewal_find(store, leaf, NOW + 3600, &holder, &verdict));
    assert_string_equal(verdict.slug, "client-certificate-expired");
    assert_int_equal(verdict.code, VERDICT_IDENTITY_NOT_PERMITTED);
}

static void an_identity_is_renewed_as_itself(void **state)
{
    struct store_holder holder = {.spiffe = "spiffe://td/sim/a", .has_instance = true};
    struct policy_grant grant = {.spiffe = "spiffe://td/sim/a"};
    const struct claims claims = {0};
    struct verdict verdict;

    assert_true(renewal_fits(&holder, &claims, &grant, &verdict));
    grant.spiffe = "spiffe://td/sim/b";
    assert_false(renewal_fits(&holder, &claims, &grant, &verdict));
    assert_string_equal(verdict.slug, "identity-changed");
    assert_int_equal(verdict.code, VERDICT_IDENTITY_NOT_PERMITTED);
}

/* What was issued before instances were kept is renewed by any. */
static void a_database_of_an_older_release_is_taken_over(void **state)
{
    struct world *w = *state;
    const struct bytes leaf = {w->leaf, w->leaf_len};
    char path[FOLDER_PATH_CAP + 16];
    sqlite3 *db = NULL;
    struct err err;

    store_close(w->authority.enrol.store);
    snprintf(path, sizeof(path), "%s/ca.db", w->authority.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "ALTER TABLE issued DROP COLUMN report_id;"
                                  "ALTER TABLE issued DROP COLUMN report_id_ma;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    w->authority.enrol.store = store_open(path, &err);
    assert_non_null(w->authority.enrol.store);
    assert_null(renew(w, become_another_instance, leaf));
    assert_null(renew(w, NULL, leaf));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_holds_a_certificate_of_ours_renews_it),
        CASE(another_instance_renews_nothing),
        CASE(what_is_no_certificate_of_ours_renews_nothing),
        CASE(a_certificate_is_renewed_until_its_end),
        CASE(an_identity_is_renewed_as_itself),
        CASE(a_database_of_an_older_release_is_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
