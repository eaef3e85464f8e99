/*
 * Store: single use of nonces and keys, and what happens when the disk or the clock is wrong.
 */
#include "ca/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/err.h"
#include "tests/lib/database.h"

static const uint8_t cert_a[] = {0x30, 0x03, 1, 2, 3};
static const uint8_t cert_b[] = {0x30, 0x02, 9, 9};

static struct store_record make_record(uint8_t serial, uint8_t nonce, uint8_t key, uint8_t evidence)
{
    struct store_record record = {
        .spiffe = "spiffe://prod.example/sim/app",
        .policy_id = "ni:///sha-256;x",
        .issued_ms = 1790000000000,
        .not_after = 1790003600,
        .cert = {cert_a, sizeof(cert_a)},
    };

    memset(record.serial, serial, sizeof(record.serial));
    memset(record.nonce_id, nonce, sizeof(record.nonce_id));
    memset(record.spki_sha256, key, sizeof(record.spki_sha256));
    memset(record.evidence_sha256, evidence, sizeof(record.evidence_sha256));
    return record;
}

static void a_nonce_and_a_key_serve_once(void **state)
{
    static const struct {
        uint8_t nonce, key, evidence;
        enum store_outcome outcome;
    } cases[] = {
        {1, 1, 1, STORE_SAME},
        {1, 1, 2, STORE_NONCE_REPLAYED},
        {1, 2, 1, STORE_NONCE_REPLAYED},
        {1, 2, 2, STORE_NONCE_REPLAYED},
        {2, 1, 1, STORE_KEY_REUSED},
        {2, 1, 2, STORE_KEY_REUSED},
        {2, 2, 1, STORE_NEW},
    };
    struct database *f = *state;
    struct store_record first = make_record(1, 1, 1, 1);
    uint8_t storage[64];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome;
    struct err err;

    assert_int_equal(store_find(f->store, &first, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
    assert_int_equal(store_insert(f->store, &first, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
    assert_int_equal(cert.len, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_record record =
            make_record(2, cases[i].nonce, cases[i].key, cases[i].evidence);
        bool same = cases[i].outcome == STORE_SAME;

        record.cert = (struct bytes){cert_b, sizeof(cert_b)};
        assert_int_equal(store_find(f->store, &record, &cert, &outcome, &err), 0);
        assert_int_equal(outcome, cases[i].outcome);
        assert_int_equal(cert.len, same ? sizeof(cert_a) : 0);
        cert.len = 0;
        assert_int_equal(store_insert(f->store, &record, &cert, &outcome, &err), 0);
        assert_int_equal(outcome, cases[i].outcome);
        assert_int_equal(cert.len, same ? sizeof(cert_a) : 0);
        if (same) {
            assert_memory_equal(cert.data, cert_a, sizeof(cert_a));
        }
        cert.len = 0;
    }
}

static void rows_outlive_the_process(void **state)
{
    struct database *f = *state;
    struct store_record record = make_record(1, 1, 1, 1);
    uint16_t replica = store_replica(f->store);
    uint8_t storage[64];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome;
    struct err err;

    assert_int_equal(store_insert(f->store, &record, &cert, &outcome, &err), 0);
    store_close(f->store);
    f->store = store_open(f->path, &err);
    assert_non_null(f->store);
    assert_int_equal(store_replica(f->store), replica);
    assert_int_equal(store_find(f->store, &record, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_SAME);
}

/* Puts a record in whose revocation list had this number. */
static void mark(struct database *f, uint8_t serial, bool vlek, struct bytes number,
                 int64_t this_update)
{
    struct store_record record = make_record(serial, serial, serial, serial);
    struct crl_mark crl = {.vlek = vlek, .number_len = number.len, .this_update = this_update};
    uint8_t storage[64];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome;
    struct err err;

    memset(crl.ark_spki_sha256, 0x44, sizeof(crl.ark_spki_sha256));
    memcpy(crl.number, number.data, number.len);
    record.crl = &crl;
    assert_int_equal(store_insert(f->store, &record, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
}

static void the_newest_revocation_list_is_remembered(void **state)
{
#define NUMBER(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})
    static const struct {
        const char *number;
        size_t len;
        int64_t this_update;
        bool newer;
    } rows[] = {
        {"\x05", 1, 100, true},  {"\x04", 1, 200, false},   {"\x05", 1, 99, false},
        {"\x05", 1, 101, true},  {"\xff", 1, 90, true},     {"\x01\x00", 2, 90, true},
        {"\xfe", 1, 500, false}, {"\x01\x00", 2, 91, true},
    };
    struct database *f = *state;
    struct crl_mark marks[STORE_CRL_MARKS_MAX];
    size_t num = 9;
    struct err err;
    uint8_t serial = 1;
    struct crl_mark last = {.number_len = 0};

    assert_int_equal(store_crl_marks(f->store, marks, &num, &err), 0);
    assert_int_equal(num, 0);
    mark(f, serial++, true, NUMBER("\x09"), 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct bytes number = {(const uint8_t *)rows[i].number, rows[i].len};

        mark(f, serial++, false, number, rows[i].this_update);
        if (rows[i].newer) {
            memcpy(last.number, number.data, number.len);
            last.number_len = number.len;
            last.this_update = rows[i].this_update;
        }
        assert_int_equal(store_crl_marks(f->store, marks, &num, &err), 0);
        assert_int_equal(num, 2);
        assert_false(marks[0].vlek);
        assert_int_equal(marks[0].number_len, last.number_len);
        assert_memory_equal(marks[0].number, last.number, last.number_len);
        assert_true(marks[0].this_update == last.this_update);
    }
    store_close(f->store);
    f->store = store_open(f->path, &err);
    assert_non_null(f->store);
    assert_int_equal(store_crl_marks(f->store, marks, &num, &err), 0);
    assert_int_equal(num, 2);
    assert_true(marks[1].vlek);
    assert_int_equal(marks[1].number[0], 9);
    assert_int_equal(marks[0].ark_spki_sha256[31], 0x44);
#undef NUMBER
}

static void the_database_is_for_its_owner_only(void **state)
{
    struct database *f = *state;
    struct stat info;

    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_clock_behind_the_newest_row_issues_nothing(void **state)
{
    struct database *f = *state;
    struct store_record first = make_record(1, 1, 1, 1);
    struct store_record second = make_record(2, 2, 2, 2);
    uint8_t storage[64];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome;
    struct err err;

    assert_int_equal(store_check_clock(f->store, 0, &err), 0);
    assert_int_equal(store_insert(f->store, &first, &cert, &outcome, &err), 0);
    assert_int_equal(store_check_clock(f->store, first.issued_ms - STORE_CLOCK_SLACK_MS, &err), 0);
    assert_int_equal(store_check_clock(f->store, first.issued_ms - STORE_CLOCK_SLACK_MS - 1, &err),
                     -1);
    assert_int_equal(err.code, ERR_DENIED);
    second.issued_ms = first.issued_ms - STORE_CLOCK_SLACK_MS - 1;
    assert_int_equal(store_insert(f->store, &second, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_CLOCK_BEHIND);
    second.issued_ms += 1;
    assert_int_equal(store_insert(f->store, &second, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
}

static void the_epoch_of_the_policy_never_goes_back(void **state)
{
    struct database *f = *state;
    struct err err;

    assert_int_equal(store_accept_policy(f->store, 7, "a", &err), 0);
    assert_int_equal(store_accept_policy(f->store, 7, "a", &err), 0);
    assert_int_equal(store_accept_policy(f->store, 7, "b", &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(store_accept_policy(f->store, 8, "b", &err), 0);
    assert_int_equal(store_accept_policy(f->store, 7, "a", &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(store_accept_policy(f->store, 8, "b", &err), 0);
}

static void a_database_that_another_holds_is_an_error_and_heals(void **state)
{
    struct database *f = *state;
    struct store_record record = make_record(1, 1, 1, 1);
    uint8_t storage[64];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome = STORE_SAME;
    sqlite3 *other = NULL;
    struct err err;

    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_insert(f->store, &record, &cert, &outcome, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(outcome, STORE_SAME);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(store_insert(f->store, &record, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
}

static void a_database_that_was_removed_takes_nothing(void **state)
{
    struct database *f = *state;
    struct store_record record = make_record(1, 1, 1, 1);
    struct buf none = {0};
    enum store_outcome outcome = STORE_SAME;
    char aside[128];
    struct err err;

    snprintf(aside, sizeof(aside), "%s.aside", f->path);
    assert_int_equal(rename(f->path, aside), 0);
    assert_int_equal(store_insert(f->store, &record, &none, &outcome, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "store: the file was removed or replaced");
    assert_int_equal(outcome, STORE_SAME);
    assert_int_equal(rename(aside, f->path), 0); /* it is back */
    assert_int_equal(store_insert(f->store, &record, &none, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
}

static void old_rows_are_forgotten_after_the_retention(void **state)
{
    struct database *f = *state;
    struct store_record record = make_record(1, 1, 1, 1);
    uint8_t storage[64];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome;
    struct err err;

    assert_int_equal(store_insert(f->store, &record, &cert, &outcome, &err), 0);
    assert_int_equal(store_prune(f->store, record.not_after + STORE_RETENTION_S, &err), 0);
    assert_int_equal(store_find(f->store, &record, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_SAME);
    assert_int_equal(store_prune(f->store, record.not_after + STORE_RETENTION_S + 1, &err), 0);
    assert_int_equal(store_find(f->store, &record, &cert, &outcome, &err), 0);
    assert_int_equal(outcome, STORE_NEW);
}

/* As an upgrade of two authorities with one store does. */
static void many_may_be_the_first_to_open_an_old_database(void **state)
{
    struct database *f = *state;
    sqlite3 *db = NULL;
    pid_t children[8];
    struct err err;

    for (unsigned round = 0; round < 4; round++) {
        store_close(f->store);
        f->store = NULL;
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db,
                                      "ALTER TABLE issued DROP COLUMN report_id;"
                                      "ALTER TABLE issued DROP COLUMN report_id_ma;",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        sqlite3_close(db);
        for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                struct store *store = store_open(f->path, &err);

                store_close(store);
                _exit(store != NULL ? 0 : 1);
            }
        }
        for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
            int status = 0;

            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_int_equal(status, 0);
        }
        f->store = store_open(f->path, &err);
        assert_non_null(f->store);
    }
}

static void what_is_no_database_is_refused(void **state)
{
    struct database *f = *state;
    char path[128];
    FILE *file = NULL;
    struct err err;

    snprintf(path, sizeof(path), "%s/none/ca.db", f->dir);
    assert_null(store_open(path, &err));
    assert_int_equal(err.code, ERR_IO);
    snprintf(path, sizeof(path), "%s/text", f->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("this is a text and no database at all, whatever its name may say", file);
    fclose(file);
    assert_null(store_open(path, &err));
    assert_int_equal(err.code, ERR_IO);
    unlink(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, database_setup, database_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_nonce_and_a_key_serve_once),
        CASE(rows_outlive_the_process),
        CASE(the_newest_revocation_list_is_remembered),
        CASE(the_database_is_for_its_owner_only),
        CASE(a_clock_behind_the_newest_row_issues_nothing),
        CASE(the_epoch_of_the_policy_never_goes_back),
        CASE(a_database_that_another_holds_is_an_error_and_heals),
        CASE(a_database_that_was_removed_takes_nothing),
        CASE(old_rows_are_forgotten_after_the_retention),
        CASE(many_may_be_the_first_to_open_an_old_database),
        CASE(what_is_no_database_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
