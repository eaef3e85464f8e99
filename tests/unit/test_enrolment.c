/*
 * Tests of enrolment: what counts as a success, with an identity from files and a real loop.
 */
#include "proxy/enrolment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/log.h"
#include "tests/lib/folder.h"
#include "tests/lib/pki.h"

#define PATH_CAP (FOLDER_PATH_CAP + 16)

struct fixture {
    char dir[FOLDER_PATH_CAP];
    char certificate[PATH_CAP];
    char private_key[PATH_CAP];
    uv_loop_t loop;
    struct enrolment *enrolment;
    bool refuse;          /* the next identity cannot be used */
    unsigned num_offered; /* identities that came */
    unsigned num_taken;
    bool stopped;
};

static int on_identity(void *user, struct identity *identity, struct err *err)
{
    struct fixture *fixture = user;

    fixture->num_offered++;
    if (fixture->refuse) {
        return err_set(err, ERR_INVALID, "TLS context: ee key too small");
    }
    fixture->num_taken++;
    return 0;
}

static void on_stopped(void *user)
{
    struct fixture *fixture = user;

    fixture->stopped = true;
}

/* A self-made leaf, whose CA is the trust bundle and stands in the same file. */
static void write_files(struct fixture *fixture, const char *uri)
{
    struct pki pki;
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    FILE *file = fopen(fixture->certificate, "w");

    pki_init(&pki);
    pki_leaf(&pki, uri, 3600, &leaf, &key);
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, leaf), 1);
    assert_int_equal(fclose(file), 0);
    file = fopen(fixture->private_key, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(leaf);
    EVP_PKEY_free(key);
    pki_deinit(&pki);
}

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){0};
    folder_make(fixture.dir);
    (void)snprintf(fixture.certificate, PATH_CAP, "%s/cert.pem", fixture.dir);
    (void)snprintf(fixture.private_key, PATH_CAP, "%s/key.pem", fixture.dir);
    write_files(&fixture, "spiffe://prod.example/snp/app");
    assert_int_equal(uv_loop_init(&fixture.loop), 0);
    log_setup(LOG_ERROR, LOG_TEXT); /* failures are what these tests are about */
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    enrolment_stop(fixture->enrolment, on_stopped, fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(fixture->stopped);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    folder_remove(fixture->dir);
    return 0;
}

static const struct enrolment_status *start(struct fixture *fixture)
{
    const struct enrolment_options options = {
        .enrol.trust_domain = "prod.example",
        .files = {fixture->certificate, fixture->private_key, fixture->certificate},
    };
    const struct enrolment_callbacks callbacks = {on_identity, fixture};
    struct err err;

    fixture->enrolment = enrolment_start(&fixture->loop, &options, &callbacks, &err);
    assert_non_null(fixture->enrolment);
    return enrolment_status(fixture->enrolment);
}

/* Runs the loop until `num` enrolments have ended. */
static void run_until(struct fixture *fixture, const struct enrolment_status *status, uint64_t num)
{
    while (status->num_ok + status->num_failed < num) {
        assert_int_not_equal(uv_run(&fixture->loop, UV_RUN_ONCE), 0);
    }
}

static void an_identity_that_is_used_is_a_success(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);

    run_until(fixture, status, 1);
    assert_int_equal(status->num_ok, 1);
    assert_int_equal(status->num_failed, 0);
    assert_true(status->last_success > 0);
    assert_int_equal(fixture->num_taken, 1);
}

static void files_that_change_are_read_again(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);

    run_until(fixture, status, 1);
    write_files(fixture, "spiffe://other.example/snp/app"); /* half written, or a mistake */
    run_until(fixture, status, 2);
    assert_int_equal(status->num_failed, 1);
    while (status->num_ok < 2) {
        write_files(fixture, "spiffe://prod.example/snp/app");
        run_until(fixture, status, status->num_ok + status->num_failed + 1);
    }
    assert_int_equal(fixture->num_taken, 2);
}

static void an_identity_that_cannot_be_used_is_a_failure_and_tried_again(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = NULL;

    fixture->refuse = true;
    status = start(fixture);
    run_until(fixture, status, 1);
    assert_int_equal(status->num_ok, 0);
    assert_int_equal(status->num_failed, 1);
    assert_int_equal(status->last_success, 0);
    fixture->refuse = false;
    run_until(fixture, status, 2); /* nobody asks for it: the schedule does */
    assert_int_equal(status->num_ok, 1);
    assert_int_equal(fixture->num_offered, 2);
}

static void bad_files_do_not_reach_the_owner(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);

    run_until(fixture, status, 1);
    write_files(fixture, "spiffe://evil.example/snp/app");
    enrolment_now(fixture->enrolment);
    run_until(fixture, status, 2);
    assert_int_equal(status->num_failed, 1);
    assert_int_equal(fixture->num_offered, 1);
}

static void asking_twice_meanwhile_is_asking_once(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);

    for (unsigned i = 0; i < 100; i++) {
        enrolment_now(fixture->enrolment); /* the first one is under way */
    }
    run_until(fixture, status, 2);
    assert_int_equal(status->num_ok, 2);
}

/* A new one would cost every connection of the old a context of its own. */
static void files_that_say_the_same_make_no_new_identity(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);

    run_until(fixture, status, 1);
    enrolment_now(fixture->enrolment);
    run_until(fixture, status, 2);
    assert_int_equal(status->num_ok, 2);
    assert_int_equal(fixture->num_offered, 1);
    write_files(fixture, "spiffe://prod.example/snp/app"); /* of another authority */
    while (fixture->num_offered < 2) {
        enrolment_now(fixture->enrolment);
        run_until(fixture, status, status->num_ok + status->num_failed + 1);
    }
}

/* The certificate in a file of another name, which is not made. */
static struct enrolment_options options_elsewhere(const struct fixture *fixture,
                                                  char elsewhere[static PATH_CAP])
{
    (void)snprintf(elsewhere, PATH_CAP, "%s/other.pem", fixture->dir);
    return (struct enrolment_options){
        .enrol.trust_domain = "prod.example",
        .files = {elsewhere, fixture->private_key, fixture->certificate},
    };
}

static void other_files_are_read_before_anything_changes(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);
    char elsewhere[PATH_CAP];
    struct enrolment_options options = options_elsewhere(fixture, elsewhere);
    struct enrolment_change change;
    struct err err = {0};

    run_until(fixture, status, 1);
    assert_int_equal(enrolment_prepare(fixture->enrolment, &options, &change, &err), -1);
    assert_non_null(strstr(err.msg, "other.pem"));
    assert_int_equal(rename(fixture->certificate, elsewhere), 0);
    options.files.trust_bundle = elsewhere;
    assert_int_equal(enrolment_prepare(fixture->enrolment, &options, &change, &err), 0);
    assert_non_null(change.identity);
    enrolment_cancel(fixture->enrolment, &change);
    assert_int_equal(enrolment_prepare(fixture->enrolment, &options, &change, &err), 0);
    enrolment_commit(fixture->enrolment, &change);
    assert_int_equal(status->num_ok, 2);
    assert_int_equal(fixture->num_offered, 1); /* the owner has had it before */
    enrolment_now(fixture->enrolment);         /* from where it is now */
    run_until(fixture, status, status->num_ok + status->num_failed + 1);
    assert_int_equal(status->num_ok, 3);
    assert_int_equal(enrolment_prepare(fixture->enrolment, &options, &change, &err), 0);
    assert_null(change.source); /* nothing has changed */
    enrolment_commit(fixture->enrolment, &change);
}

/* One that hangs, in a look-up say, must not keep the next source from being asked. */
static void what_an_outdated_source_brings_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);
    char elsewhere[PATH_CAP];
    struct enrolment_options options = options_elsewhere(fixture, elsewhere);
    struct enrolment_change change;
    struct err err;

    assert_int_equal(link(fixture->certificate, elsewhere), 0);
    assert_int_equal(enrolment_prepare(fixture->enrolment, &options, &change, &err), 0);
    enrolment_commit(fixture->enrolment, &change); /* the first job is under way, or done */
    assert_int_equal(status->num_ok, 1);
    enrolment_now(fixture->enrolment);
    run_until(fixture, status, 2);
    assert_int_equal(status->num_ok, 2);
    assert_int_equal(fixture->num_offered, 0);
}

static void a_ca_whose_root_is_missing_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct enrolment_status *status = start(fixture);
    const struct enrolment_options options = {
        .enrol = {.ca_url = "https://127.0.0.1:1",
                  .ca_root = "/nonexistent/root.pem",
                  .trust_domain = "prod.example",
                  .service = "app",
                  .collect = {.platform = "sim", .machine_dir = "/nonexistent"},
                  .timeout_ms = 1000},
    };
    struct enrolment_change change;
    struct err err;

    run_until(fixture, status, 1);
    assert_int_equal(enrolment_prepare(fixture->enrolment, &options, &change, &err), -1);
    assert_non_null(strstr(err.msg, "[identity] ca_root: /nonexistent/root.pem: No such"));
    assert_int_equal(fixture->num_offered, 1);
}

static void a_stop_drops_what_is_under_way(void **state)
{
    struct fixture *fixture = *state;

    (void)start(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_identity_that_is_used_is_a_success),
        TEST(an_identity_that_cannot_be_used_is_a_failure_and_tried_again),
        TEST(files_that_change_are_read_again),
        TEST(bad_files_do_not_reach_the_owner),
        TEST(asking_twice_meanwhile_is_asking_once),
        TEST(files_that_say_the_same_make_no_new_identity),
        TEST(other_files_are_read_before_anything_changes),
        TEST(what_an_outdated_source_brings_is_dropped),
        TEST(a_ca_whose_root_is_missing_is_refused),
        TEST(a_stop_drops_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
