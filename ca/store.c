/*
 * Store: what was issued, and under which policy; every call behind one lock.
 */
#include "ca/store.h"

#include <inttypes.h>
#include <string.h>

#include "ca/store_db.h"
#include "common/err.h"

static int find_locked(struct store *store, const struct store_record *record, struct buf *out_cert,
                       enum store_outcome *out_outcome, struct err *err)
{
    sqlite3_stmt *find = store->statements[SQL_FIND];
    bool found = false;
    int rc = -1;

    if (!store_bind(find, 1, record->nonce_id, sizeof(record->nonce_id)) ||
        !store_bind(find, 2, record->spki_sha256, sizeof(record->spki_sha256))) {
        return store_fail(store, "bind", err);
    }
    if (store_first_row(store, SQL_FIND, &found, err) != 0) {
        goto out;
    }
    rc = 0;
    if (!found) {
        *out_outcome = STORE_NEW;
    } else if (!store_column_equals(find, 0, record->nonce_id, sizeof(record->nonce_id))) {
        *out_outcome = STORE_KEY_REUSED;
    } else if (!store_column_equals(find, 1, record->spki_sha256, sizeof(record->spki_sha256)) ||
               !store_column_equals(find, 2, record->evidence_sha256,
                                    sizeof(record->evidence_sha256))) {
        *out_outcome = STORE_NONCE_REPLAYED;
    } else if (!buf_append(out_cert, sqlite3_column_blob(find, 3),
                           (size_t)sqlite3_column_bytes(find, 3))) {
        rc = err_set(err, ERR_LIMIT, "store: certificate too long");
    } else {
        *out_outcome = STORE_SAME;
    }
out:
    sqlite3_reset(find);
    sqlite3_clear_bindings(find);
    return rc;
}

int store_find(struct store *store, const struct store_record *record, struct buf *out_cert,
               enum store_outcome *out_outcome, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    rc = find_locked(store, record, out_cert, out_outcome, err);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

/* False: not a column of ours, or NULL. */
static bool read_id(sqlite3_stmt *row, int column, uint8_t out_id[static CLAIMS_REPORT_ID_LEN])
{
    const void *id = sqlite3_column_blob(row, column);

    if (id == NULL || sqlite3_column_bytes(row, column) != CLAIMS_REPORT_ID_LEN) {
        return false;
    }
    memcpy(out_id, id, CLAIMS_REPORT_ID_LEN);
    return true;
}

static int read_holder(sqlite3_stmt *row, struct store_holder *holder, struct err *err)
{
    const char *spiffe = (const char *)sqlite3_column_text(row, 1);

    if (spiffe == NULL || strlen(spiffe) >= sizeof(holder->spiffe)) {
        return err_set(err, ERR_IO, "store: issued: not a table of ours");
    }
    memcpy(holder->spiffe, spiffe, strlen(spiffe) + 1);
    holder->not_after = sqlite3_column_int64(row, 2);
    holder->has_instance = read_id(row, 3, holder->instance.report_id) &&
                           read_id(row, 4, holder->instance.report_id_ma);
    return 0;
}

int store_find_holder(struct store *store, const uint8_t serial[static STORE_SERIAL_LEN],
                      struct bytes cert, bool *out_found, struct store_holder *out_holder,
                      struct err *err)
{
    sqlite3_stmt *find = store->statements[SQL_HOLDER];
    bool found = false;
    int rc = -1;

    pthread_mutex_lock(&store->lock);
    if (!store_bind(find, 1, serial, STORE_SERIAL_LEN)) {
        store_fail(store, "bind", err);
        goto out;
    }
    if (store_first_row(store, SQL_HOLDER, &found, err) != 0) {
        goto out;
    }
    found = found && store_column_equals(find, 0, cert.data, cert.len);
    rc = found ? read_holder(find, out_holder, err) : 0;
    *out_found = found && rc == 0;
out:
    sqlite3_reset(find);
    sqlite3_clear_bindings(find);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static int newest_locked(struct store *store, int64_t *out_ms, struct err *err)
{
    bool found = false;

    if (store_first_row(store, SQL_NEWEST, &found, err) == 0) {
        *out_ms = found ? sqlite3_column_int64(store->statements[SQL_NEWEST], 0) : 0;
    }
    sqlite3_reset(store->statements[SQL_NEWEST]);
    return found ? 0 : -1;
}

static int add_locked(struct store *store, const struct store_record *record, struct err *err)
{
    sqlite3_stmt *insert = store->statements[SQL_INSERT];

    if (!store_bind(insert, 1, record->serial, sizeof(record->serial)) ||
        !store_bind(insert, 2, record->nonce_id, sizeof(record->nonce_id)) ||
        !store_bind(insert, 3, record->spki_sha256, sizeof(record->spki_sha256)) ||
        !store_bind(insert, 4, record->evidence_sha256, sizeof(record->evidence_sha256)) ||
        sqlite3_bind_text(insert, 5, record->spiffe, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(insert, 6, record->policy_id, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int64(insert, 7, record->issued_ms) != SQLITE_OK ||
        sqlite3_bind_int64(insert, 8, record->not_after) != SQLITE_OK ||
        !store_bind(insert, 9, record->cert.data, record->cert.len) ||
        !store_bind(insert, 10, record->instance.report_id, CLAIMS_REPORT_ID_LEN) ||
        !store_bind(insert, 11, record->instance.report_id_ma, CLAIMS_REPORT_ID_LEN)) {
        return store_fail(store, "bind", err);
    }
    return store_run(store, SQL_INSERT, err);
}

/* Inside the transaction: the look-up, the clock, the rows. */
static int insert_locked(struct store *store, const struct store_record *record,
                         struct buf *out_cert, enum store_outcome *out_outcome, struct err *err)
{
    int64_t newest_ms = 0;

    if (find_locked(store, record, out_cert, out_outcome, err) != 0 ||
        newest_locked(store, &newest_ms, err) != 0) {
        return -1;
    }
    if (*out_outcome != STORE_NEW) {
        return 0;
    }
    if (newest_ms > record->issued_ms + STORE_CLOCK_SLACK_MS) {
        *out_outcome = STORE_CLOCK_BEHIND;
        return 0;
    }
    if (record->crl != NULL && store_mark(store, record->crl, err) != 0) {
        return -1;
    }
    return add_locked(store, record, err);
}

int store_insert(struct store *store, const struct store_record *record, struct buf *out_cert,
                 enum store_outcome *out_outcome, struct err *err)
{
    enum store_outcome outcome = STORE_NEW;
    size_t cert_len = out_cert->len;
    int rc = -1;

    pthread_mutex_lock(&store->lock);
    if (store_check_place(store, err) == 0 && store_run(store, SQL_BEGIN, err) == 0 &&
        insert_locked(store, record, out_cert, &outcome, err) == 0 &&
        store_run(store, SQL_COMMIT, err) == 0) {
        *out_outcome = outcome;
        rc = 0;
    } else {
        out_cert->len = cert_len;
        store_rollback(store);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static int accept_locked(struct store *store, uint64_t epoch, const char *policy_id,
                         struct err *err)
{
    sqlite3_stmt *newest = store->statements[SQL_EPOCH_NEWEST];
    sqlite3_stmt *add = store->statements[SQL_EPOCH_ADD];
    bool found = false;
    bool known = false;
    int rc = store_first_row(store, SQL_EPOCH_NEWEST, &found, err);

    if (rc == 0 && found) {
        uint64_t stored = (uint64_t)sqlite3_column_int64(newest, 0);
        const char *stored_id = (const char *)sqlite3_column_text(newest, 1);

        if (epoch < stored) {
            rc = err_set(err, ERR_DENIED,
                         "policy epoch %" PRIu64 ": epoch %" PRIu64 " was in force before", epoch,
                         stored);
        } else if (epoch == stored) {
            known = stored_id != NULL && strcmp(stored_id, policy_id) == 0;
            rc = known ? 0
                       : err_set(err, ERR_DENIED,
                                 "policy epoch %" PRIu64 ": another policy was in force under it;"
                                 " raise [ca] epoch",
                                 epoch);
        }
    }
    sqlite3_reset(newest);
    if (rc != 0 || known) {
        return rc;
    }
    if (sqlite3_bind_int64(add, 1, (int64_t)epoch) != SQLITE_OK ||
        sqlite3_bind_text(add, 2, policy_id, -1, SQLITE_STATIC) != SQLITE_OK) {
        return store_fail(store, "bind", err);
    }
    return store_run(store, SQL_EPOCH_ADD, err);
}

int store_accept_policy(struct store *store, uint64_t epoch, const char *policy_id, struct err *err)
{
    int rc = -1;

    pthread_mutex_lock(&store->lock);
    if (store_run(store, SQL_BEGIN, err) == 0 && accept_locked(store, epoch, policy_id, err) == 0 &&
        store_run(store, SQL_COMMIT, err) == 0) {
        rc = 0;
    } else {
        store_rollback(store);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

int store_check_clock(struct store *store, int64_t now_ms, struct err *err)
{
    int64_t newest_ms = 0;
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    rc = newest_locked(store, &newest_ms, err);
    pthread_mutex_unlock(&store->lock);
    if (rc == 0 && newest_ms > now_ms + STORE_CLOCK_SLACK_MS) {
        rc = err_set(err, ERR_DENIED,
                     "the clock is %" PRId64 " s behind the newest certificate issued",
                     (newest_ms - now_ms) / 1000);
    }
    return rc;
}

int store_prune(struct store *store, int64_t now_s, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    sqlite3_bind_int64(store->statements[SQL_PRUNE], 1, now_s - STORE_RETENTION_S);
    sqlite3_bind_int64(store->statements[SQL_VENDOR_PRUNE], 1, now_s);
    rc = store_run(store, SQL_PRUNE, err);
    if (rc == 0) {
        rc = store_run(store, SQL_VENDOR_PRUNE, err);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}
