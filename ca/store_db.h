/*
 * Store_db: the inside of the store, for the files that implement it: store_db.c (the database),
 * store.c (what was issued, and under which policy), store_crl.c (which revocation lists were
 * accepted), store_vendor.c (what the vendor has published).
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "ca/store.h"
#include "common/compiler.h"

enum store_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_FIND,
    SQL_INSERT,
    SQL_HOLDER,
    SQL_NEWEST,
    SQL_PRUNE,
    SQL_EPOCH_NEWEST,
    SQL_EPOCH_ADD,
    SQL_MARKS,
    SQL_MARK_SET,
    SQL_VENDOR_FIND,
    SQL_VENDOR_KNOWS,
    SQL_VENDOR_KEEP,
    SQL_VENDOR_LIMIT,
    SQL_VENDOR_PRUNE,
    SQL_REPLICA_ADD,
    SQL_REPLICA_GET,
    SQL_STATEMENTS,
};

extern const char *const store_sql[SQL_STATEMENTS];

struct store {
    pthread_mutex_t lock; /* guards everything below */
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS];
    uint16_t replica; /* constant after opening */
};

/* Fills `err` with what SQLite says; returns -1. */
int store_fail(const struct store *store, const char *what, struct err *err);

/* Runs a statement that gives no row; the caller has bound its values. */
MUST_CHECK int store_run(struct store *store, enum store_statement which, struct err *err);

/* Steps to the first row.  The caller resets the statement. */
MUST_CHECK int store_first_row(struct store *store, enum store_statement which, bool *out_found,
                               struct err *err);

/* What is bound has to outlive the step. */
MUST_CHECK bool store_bind(sqlite3_stmt *statement, int index, const void *data, size_t len);
bool store_column_equals(sqlite3_stmt *statement, int column, const void *data, size_t len);

/* Fails if the file at the path is no longer the one that was opened. */
MUST_CHECK int store_check_place(struct store *store, struct err *err);

/* Ends a transaction that failed. */
void store_rollback(struct store *store);

/* Inside a transaction: remembers a list if it is newer than the one remembered. */
MUST_CHECK int store_mark(struct store *store, const struct crl_mark *mark, struct err *err);
