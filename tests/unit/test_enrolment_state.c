/*
 * Tests of enrolment_state: when the next attempt is due, and what is said of the identity.
 */
#include "proxy/enrolment_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/log.h"
#include "tests/lib/folder.h"
#include "tests/lib/pki.h"

#define LIFETIME_S 3600
#define HOUR_MS INT64_C(3600000)
#define FAILURE_WAIT_MAX_MS 1000 /* the first, spread out (ca-client/renew.h) */

/* One identity for all tests; each takes references to it. */
static int make_identity(void **state)
{
    char dir[FOLDER_PATH_CAP];
    char cert_path[FOLDER_PATH_CAP + 16];
    char key_path[FOLDER_PATH_CAP + 16];
    const struct identity_files files = {cert_path, key_path, cert_path};
    struct identity *identity = NULL;
    struct pki pki;
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    FILE *file = NULL;
    struct err err;

    log_setup(LOG_ERROR, LOG_TEXT);
    folder_make(dir);
    (void)snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
    (void)snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
    pki_init(&pki);
    pki_leaf(&pki, "spiffe://prod.example/snp/app", LIFETIME_S, &leaf, &key);
    file = fopen(cert_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, leaf), 1);
    assert_int_equal(fclose(file), 0);
    file = fopen(key_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(identity_load_files(&files, "prod.example", &identity, &err), 0);
    X509_free(leaf);
    EVP_PKEY_free(key);
    pki_deinit(&pki);
    folder_remove(dir);
    *state = identity;
    return 0;
}

static int drop_identity(void **state)
{
    identity_unref(*state);
    return 0;
}

static void somebody_sets_the_clock(struct enrolment_state *state)
{
    state->clocks.wall_ms -= HOUR_MS; /* as it was before */
    enrolment_state_tick(state);
}

static void a_ca_is_asked_by_a_schedule_and_files_are_not_read_by_one(void **state)
{
    for (int from_ca = 0; from_ca < 2; from_ca++) {
        struct enrolment_state it;

        enrolment_state_init(&it, from_ca != 0);
        assert_true(enrolment_state_wait_ms(&it) == ENROLMENT_STATE_NEVER);
        enrolment_state_succeed(&it, identity_ref(*state));
        assert_int_equal(it.renewable, from_ca);
        if (from_ca != 0) {
            assert_in_range(enrolment_state_wait_ms(&it), 1, LIFETIME_S * 1000);
        } else {
            assert_true(enrolment_state_wait_ms(&it) == ENROLMENT_STATE_NEVER);
        }
        enrolment_state_deinit(&it);
    }
}

static void whoever_sets_the_clock_has_a_ca_asked_at_once_and_no_file_read(void **state)
{
    for (int from_ca = 0; from_ca < 2; from_ca++) {
        struct enrolment_state it;

        enrolment_state_init(&it, from_ca != 0);
        enrolment_state_succeed(&it, identity_ref(*state));
        somebody_sets_the_clock(&it);
        assert_int_equal(enrolment_state_wait_ms(&it) == 0, from_ca);
        enrolment_state_begin(&it); /* which answers it */
        assert_int_not_equal(enrolment_state_wait_ms(&it), 0);
        enrolment_state_deinit(&it);
    }
}

static void after_a_failure_the_next_attempt_comes_of_itself(void **state)
{
    for (int from_ca = 0; from_ca < 2; from_ca++) {
        struct enrolment_state it;

        enrolment_state_init(&it, from_ca != 0);
        enrolment_state_fail(&it, &(struct enrol_failure){.code = VERDICT_ACCEPTED}, "no CA");
        assert_in_range(enrolment_state_wait_ms(&it), 0, FAILURE_WAIT_MAX_MS);
        assert_int_equal(it.status.num_failed, 1);
        enrolment_state_deinit(&it);
    }
}

static void an_identity_that_its_ca_disowns_is_not_shown_again(void **state)
{
    static const struct {
        struct enrol_failure failure;
        bool renewable;
    } rows[] = {
        {{.code = VERDICT_IDENTITY_NOT_PERMITTED, .renewal = true}, false},
        {{.code = VERDICT_REQUEST_INVALID, .renewal = true}, false},
        {{.code = VERDICT_IDENTITY_NOT_PERMITTED, .renewal = false}, true},
        {{.code = VERDICT_UNAVAILABLE, .renewal = true}, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct enrolment_state it;

        enrolment_state_init(&it, true);
        enrolment_state_succeed(&it, identity_ref(*state));
        enrolment_state_fail(&it, &rows[i].failure, "refused");
        assert_int_equal(it.renewable, rows[i].renewable);
        assert_int_equal(it.status.last_refusal, rows[i].failure.code);
        assert_non_null(it.identity); /* it serves on */
        enrolment_state_deinit(&it);
    }
}

static void what_only_a_reboot_helps_is_not_tried_again(void **state)
{
    struct enrolment_state it;

    enrolment_state_init(&it, true);
    enrolment_state_fail(&it, &(struct enrol_failure){.code = VERDICT_ACCEPTED}, "no CA");
    enrolment_state_give_up(&it, "the key is gone");
    somebody_sets_the_clock(&it);
    assert_true(enrolment_state_wait_ms(&it) == ENROLMENT_STATE_NEVER);
    assert_true(it.status.reboot_needed);
    enrolment_state_turn(&it, true); /* another source may do without */
    assert_false(it.status.reboot_needed);
    enrolment_state_deinit(&it);
}

static void an_identity_expires_by_the_clock_of_the_ca_until_there_is_another(void **state)
{
    struct enrolment_state it;

    enrolment_state_init(&it, true);
    enrolment_state_succeed(&it, identity_ref(*state));
    enrolment_state_tick(&it);
    assert_false(it.status.expired);
    it.clock.wall_offset_ms = HOUR_MS;
    enrolment_state_tick(&it);
    assert_true(it.status.expired);
    enrolment_state_succeed(&it, identity_ref(*state));
    assert_false(it.status.expired);
    enrolment_state_deinit(&it);
}

static void another_source_knows_nothing_of_the_identity_that_serves_on(void **state)
{
    struct enrolment_state it;

    enrolment_state_init(&it, true);
    enrolment_state_succeed(&it, identity_ref(*state));
    enrolment_state_turn(&it, true);
    assert_false(it.renewable);
    assert_ptr_equal(it.identity, *state);
    enrolment_state_deinit(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ca_is_asked_by_a_schedule_and_files_are_not_read_by_one),
        cmocka_unit_test(whoever_sets_the_clock_has_a_ca_asked_at_once_and_no_file_read),
        cmocka_unit_test(after_a_failure_the_next_attempt_comes_of_itself),
        cmocka_unit_test(an_identity_that_its_ca_disowns_is_not_shown_again),
        cmocka_unit_test(what_only_a_reboot_helps_is_not_tried_again),
        cmocka_unit_test(an_identity_expires_by_the_clock_of_the_ca_until_there_is_another),
        cmocka_unit_test(another_source_knows_nothing_of_the_identity_that_serves_on),
    };

    return cmocka_run_group_tests(tests, make_identity, drop_identity);
}
