/*
 * Store: the statements, each prepared once, behind one lock.
 */
#include "ca/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <sqlite3.h>

#include "common/err.h"

#define BUSY_TIMEOUT_MS 2000

static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"
    "PRAGMA trusted_schema=OFF;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS issued("
    "  serial BLOB PRIMARY KEY, nonce_id BLOB NOT NULL UNIQUE, spki BLOB NOT NULL UNIQUE,"
    "  evidence_sha256 BLOB NOT NULL, spiffe TEXT NOT NULL, policy_id TEXT NOT NULL,"
    "  issued_ms INTEGER NOT NULL, not_after INTEGER NOT NULL, cert BLOB NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS issued_by_time ON issued(issued_ms);"
    "CREATE INDEX IF NOT EXISTS issued_by_end ON issued(not_after);"
    "CREATE TABLE IF NOT EXISTS policy_epoch("
    "  epoch INTEGER PRIMARY KEY, policy_id TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS crl_mark("
    "  ark BLOB NOT NULL, vlek INTEGER NOT NULL, number BLOB NOT NULL,"
    "  this_update INTEGER NOT NULL, PRIMARY KEY(ark, vlek)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS replica("
    "  one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL);"
    "COMMIT;";

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    FIND,
    INSERT,
    NEWEST,
    PRUNE,
    EPOCH_NEWEST,
    EPOCH_ADD,
    MARKS,
    MARK_SET,
    REPLICA_ADD,
    REPLICA_GET,
    STATEMENTS,
};

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [FIND] = "SELECT nonce_id, spki, evidence_sha256, cert FROM issued"
             " WHERE nonce_id = ?1 OR spki = ?2 ORDER BY nonce_id = ?1 DESC LIMIT 1",
    [INSERT] = "INSERT INTO issued(serial, nonce_id, spki, evidence_sha256, spiffe, policy_id,"
               " issued_ms, not_after, cert) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [NEWEST] = "SELECT max(issued_ms) FROM issued",
    [PRUNE] = "DELETE FROM issued WHERE not_after < ?1",
    [EPOCH_NEWEST] = "SELECT epoch, policy_id FROM policy_epoch ORDER BY epoch DESC LIMIT 1",
    [EPOCH_ADD] = "INSERT INTO policy_epoch(epoch, policy_id) VALUES(?1, ?2)",
    [MARKS] = "SELECT ark, vlek, number, this_update FROM crl_mark",
    /* Numbers are big-endian without leading zeros: the longer one is the greater one. */
    [MARK_SET] = "INSERT INTO crl_mark(ark, vlek, number, this_update) VALUES(?1, ?2, ?3, ?4)"
                 " ON CONFLICT(ark, vlek) DO UPDATE SET number = ?3, this_update = ?4"
                 " WHERE length(number) < length(?3)"
                 " OR (length(number) = length(?3) AND (number < ?3"
                 " OR (number = ?3 AND this_update < ?4)))",
    [REPLICA_ADD] = "INSERT OR IGNORE INTO replica(one, id) VALUES(1, ?1)",
    [REPLICA_GET] = "SELECT id FROM replica",
};

struct store {
    pthread_mutex_t lock; /* guards everything below */
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    uint16_t replica; /* constant after opening */
};

static int fail(const struct store *store, const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "store: %s: %s", what,
                   store->db != NULL ? sqlite3_errmsg(store->db) : "out of memory");
}

/* Runs a statement that gives no row; the caller has bound its values. */
static int run(struct store *store, enum statement which, struct err *err)
{
    sqlite3_stmt *statement = store->statements[which];
    int status = sqlite3_step(statement);
    int rc = status == SQLITE_DONE ? 0 : fail(store, sql[which], err);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc;
}

/* Steps to the first row.  The caller resets the statement. */
static int first_row(struct store *store, enum statement which, bool *out_found, struct err *err)
{
    int status = sqlite3_step(store->statements[which]);

    if (status != SQLITE_ROW && status != SQLITE_DONE) {
        return fail(store, sql[which], err);
    }
    *out_found = status == SQLITE_ROW;
    return 0;
}

/* SQLITE_STATIC: what is bound outlives the step. */
static bool bind_bytes(sqlite3_stmt *statement, int index, const void *data, size_t len)
{
    return sqlite3_bind_blob64(statement, index, data, len, SQLITE_STATIC) == SQLITE_OK;
}

static bool column_equals(sqlite3_stmt *statement, int column, const void *data, size_t len)
{
    const void *stored = sqlite3_column_blob(statement, column);

    return stored != NULL && (size_t)sqlite3_column_bytes(statement, column) == len &&
           memcmp(stored, data, len) == 0;
}

static int read_replica(struct store *store, struct err *err)
{
    bool found = false;
    uint8_t random[2];
    int rc = 0;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return err_set_openssl(err, ERR_LIMIT, "random bytes");
    }
    sqlite3_bind_int(store->statements[REPLICA_ADD], 1, random[0] << 8 | random[1]);
    if (run(store, REPLICA_ADD, err) != 0) {
        return -1;
    }
    rc = first_row(store, REPLICA_GET, &found, err);
    if (rc == 0 && !found) {
        rc = err_set(err, ERR_IO, "store: no replica number");
    }
    if (rc == 0) {
        store->replica = (uint16_t)sqlite3_column_int(store->statements[REPLICA_GET], 0);
    }
    sqlite3_reset(store->statements[REPLICA_GET]);
    return rc;
}

struct store *store_open(const char *path, struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    int fd = -1;

    if (store == NULL || pthread_mutex_init(&store->lock, NULL) != 0) {
        free(store);
        err_set(err, ERR_LIMIT, "store: out of memory");
        return NULL;
    }
    /* Made here for its mode, which SQLite's other files take over. */
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        err_set_errno(err, ERR_IO, errno, "%s", path);
        goto fail;
    }
    close(fd);
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS) != SQLITE_OK ||
        sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
        fail(store, path, err);
        goto fail;
    }
    for (unsigned i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK) {
            fail(store, path, err);
            goto fail;
        }
    }
    if (read_replica(store, err) == 0) {
        return store;
    }
fail:
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (unsigned i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

uint16_t store_replica(const struct store *store)
{
    return store->replica;
}

/* A database whose file is gone or was replaced would take rows that the next start does not see.
 */
static int check_place(struct store *store, struct err *err)
{
    int moved = 0;

    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK) {
        return fail(store, "file", err);
    }
    return moved == 0 ? 0 : err_set(err, ERR_IO, "store: the file was removed or replaced");
}

static int find_locked(struct store *store, const struct store_record *record, struct buf *out_cert,
                       enum store_outcome *out_outcome, struct err *err)
{
    sqlite3_stmt *find = store->statements[FIND];
    bool found = false;
    int rc = -1;

    if (!bind_bytes(find, 1, record->nonce_id, sizeof(record->nonce_id)) ||
        !bind_bytes(find, 2, record->spki_sha256, sizeof(record->spki_sha256))) {
        return fail(store, "bind", err);
    }
    if (first_row(store, FIND, &found, err) != 0) {
        goto out;
    }
    rc = 0;
    if (!found) {
        *out_outcome = STORE_NEW;
    } else if (!column_equals(find, 0, record->nonce_id, sizeof(record->nonce_id))) {
        *out_outcome = STORE_KEY_REUSED;
    } else if (!column_equals(find, 1, record->spki_sha256, sizeof(record->spki_sha256)) ||
               !column_equals(find, 2, record->evidence_sha256, sizeof(record->evidence_sha256))) {
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

static int newest_locked(struct store *store, int64_t *out_ms, struct err *err)
{
    bool found = false;

    if (first_row(store, NEWEST, &found, err) == 0) {
        *out_ms = found ? sqlite3_column_int64(store->statements[NEWEST], 0) : 0;
    }
    sqlite3_reset(store->statements[NEWEST]);
    return found ? 0 : -1;
}

static int add_locked(struct store *store, const struct store_record *record, struct err *err)
{
    sqlite3_stmt *insert = store->statements[INSERT];

    if (!bind_bytes(insert, 1, record->serial, sizeof(record->serial)) ||
        !bind_bytes(insert, 2, record->nonce_id, sizeof(record->nonce_id)) ||
        !bind_bytes(insert, 3, record->spki_sha256, sizeof(record->spki_sha256)) ||
        !bind_bytes(insert, 4, record->evidence_sha256, sizeof(record->evidence_sha256)) ||
        sqlite3_bind_text(insert, 5, record->spiffe, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(insert, 6, record->policy_id, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int64(insert, 7, record->issued_ms) != SQLITE_OK ||
        sqlite3_bind_int64(insert, 8, record->not_after) != SQLITE_OK ||
        !bind_bytes(insert, 9, record->cert.data, record->cert.len)) {
        return fail(store, "bind", err);
    }
    return run(store, INSERT, err);
}

static int mark_locked(struct store *store, const struct crl_mark *mark, struct err *err)
{
    sqlite3_stmt *set = store->statements[MARK_SET];

    if (!bind_bytes(set, 1, mark->ark_spki_sha256, sizeof(mark->ark_spki_sha256)) ||
        sqlite3_bind_int(set, 2, mark->vlek ? 1 : 0) != SQLITE_OK ||
        !bind_bytes(set, 3, mark->number, mark->number_len) ||
        sqlite3_bind_int64(set, 4, mark->this_update) != SQLITE_OK) {
        return fail(store, "bind", err);
    }
    return run(store, MARK_SET, err);
}

/* False: what stands in the row is not ours. */
static bool read_mark(sqlite3_stmt *row, struct crl_mark *out_mark)
{
    const void *ark = sqlite3_column_blob(row, 0);
    const void *number = sqlite3_column_blob(row, 2);
    int number_len = sqlite3_column_bytes(row, 2);

    if (ark == NULL || sqlite3_column_bytes(row, 0) != sizeof(out_mark->ark_spki_sha256) ||
        number == NULL || number_len < 1 || number_len > CLAIMS_CRL_NUMBER_MAX) {
        return false;
    }
    memcpy(out_mark->ark_spki_sha256, ark, sizeof(out_mark->ark_spki_sha256));
    out_mark->vlek = sqlite3_column_int(row, 1) != 0;
    memcpy(out_mark->number, number, (size_t)number_len);
    out_mark->number_len = (size_t)number_len;
    out_mark->this_update = sqlite3_column_int64(row, 3);
    return true;
}

static int marks_locked(struct store *store, struct crl_mark *out_marks, size_t *out_num,
                        struct err *err)
{
    sqlite3_stmt *marks = store->statements[MARKS];
    size_t num = 0;
    int rc = -1;
    int status = SQLITE_ROW;

    while ((status = sqlite3_step(marks)) == SQLITE_ROW) {
        if (num == STORE_CRL_MARKS_MAX || !read_mark(marks, &out_marks[num])) {
            err_set(err, ERR_IO, "store: crl_mark: not a table of ours");
            goto out;
        }
        num++;
    }
    if (status != SQLITE_DONE) {
        fail(store, sql[MARKS], err);
        goto out;
    }
    *out_num = num;
    rc = 0;
out:
    sqlite3_reset(marks);
    return rc;
}

int store_crl_marks(struct store *store, struct crl_mark out_marks[static STORE_CRL_MARKS_MAX],
                    size_t *out_num, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    rc = marks_locked(store, out_marks, out_num, err);
    pthread_mutex_unlock(&store->lock);
    return rc;
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
    if (record->crl != NULL && mark_locked(store, record->crl, err) != 0) {
        return -1;
    }
    return add_locked(store, record, err);
}

static void rollback(struct store *store)
{
    struct err ignored; /* the first error is the one to report */

    if (!sqlite3_get_autocommit(store->db) && run(store, ROLLBACK, &ignored) != 0) {
        return; /* still open: the next BEGIN fails, and with it every issue */
    }
}

int store_insert(struct store *store, const struct store_record *record, struct buf *out_cert,
                 enum store_outcome *out_outcome, struct err *err)
{
    enum store_outcome outcome = STORE_NEW;
    size_t cert_len = out_cert->len;
    int rc = -1;

    pthread_mutex_lock(&store->lock);
    if (check_place(store, err) == 0 && run(store, BEGIN, err) == 0 &&
        insert_locked(store, record, out_cert, &outcome, err) == 0 &&
        run(store, COMMIT, err) == 0) {
        *out_outcome = outcome;
        rc = 0;
    } else {
        out_cert->len = cert_len;
        rollback(store);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static int accept_locked(struct store *store, uint64_t epoch, const char *policy_id,
                         struct err *err)
{
    sqlite3_stmt *newest = store->statements[EPOCH_NEWEST];
    sqlite3_stmt *add = store->statements[EPOCH_ADD];
    bool found = false;
    bool known = false;
    int rc = first_row(store, EPOCH_NEWEST, &found, err);

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
        return fail(store, "bind", err);
    }
    return run(store, EPOCH_ADD, err);
}

int store_accept_policy(struct store *store, uint64_t epoch, const char *policy_id, struct err *err)
{
    int rc = -1;

    pthread_mutex_lock(&store->lock);
    if (run(store, BEGIN, err) == 0 && accept_locked(store, epoch, policy_id, err) == 0 &&
        run(store, COMMIT, err) == 0) {
        rc = 0;
    } else {
        rollback(store);
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
    sqlite3_bind_int64(store->statements[PRUNE], 1, now_s - STORE_RETENTION_S);
    rc = run(store, PRUNE, err);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

const char *store_library_version(void)
{
    return sqlite3_libversion();
}
