/*
 * Store_db: the database: its tables, the statements, each prepared once, and opening and closing.
 */
#include "ca/store_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

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
    "CREATE TABLE IF NOT EXISTS vendor("
    "  kind TEXT NOT NULL, product TEXT NOT NULL, vlek INTEGER NOT NULL, chip BLOB NOT NULL,"
    "  tcb BLOB NOT NULL, kept INTEGER NOT NULL, not_after INTEGER NOT NULL, data BLOB NOT NULL,"
    "  PRIMARY KEY(kind, product, vlek, chip, tcb));"
    "CREATE INDEX IF NOT EXISTS vendor_by_chip ON vendor(chip);"
    "CREATE TABLE IF NOT EXISTS replica("
    "  one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL);"
    "COMMIT;";

const char *const store_sql[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_FIND] = "SELECT nonce_id, spki, evidence_sha256, cert FROM issued"
                 " WHERE nonce_id = ?1 OR spki = ?2 ORDER BY nonce_id = ?1 DESC LIMIT 1",
    [SQL_INSERT] = "INSERT INTO issued(serial, nonce_id, spki, evidence_sha256, spiffe, policy_id,"
                   " issued_ms, not_after, cert, report_id, report_id_ma)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_HOLDER] = "SELECT cert, spiffe, not_after, report_id, report_id_ma FROM issued"
                   " WHERE serial = ?1",
    [SQL_NEWEST] = "SELECT max(issued_ms) FROM issued",
    [SQL_PRUNE] = "DELETE FROM issued WHERE not_after < ?1",
    [SQL_EPOCH_NEWEST] = "SELECT epoch, policy_id FROM policy_epoch ORDER BY epoch DESC LIMIT 1",
    [SQL_EPOCH_ADD] = "INSERT INTO policy_epoch(epoch, policy_id) VALUES(?1, ?2)",
    [SQL_MARKS] = "SELECT ark, vlek, number, this_update FROM crl_mark",
    /* Numbers are big-endian without leading zeros: the longer one is the greater one. */
    [SQL_MARK_SET] = "INSERT INTO crl_mark(ark, vlek, number, this_update) VALUES(?1, ?2, ?3, ?4)"
                     " ON CONFLICT(ark, vlek) DO UPDATE SET number = ?3, this_update = ?4"
                     " WHERE length(number) < length(?3)"
                     " OR (length(number) = length(?3) AND (number < ?3"
                     " OR (number = ?3 AND this_update < ?4)))",
    [SQL_VENDOR_FIND] = "SELECT data FROM vendor WHERE kind = ?1 AND product = ?2 AND vlek = ?3"
                        " AND chip = ?4 AND tcb = ?5",
    [SQL_VENDOR_KNOWS] = "SELECT 1 FROM vendor WHERE chip = ?1 LIMIT 1",
    [SQL_VENDOR_KEEP] = "INSERT INTO vendor(kind, product, vlek, chip, tcb, kept, not_after, data)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                        " ON CONFLICT(kind, product, vlek, chip, tcb) DO UPDATE"
                        " SET kept = ?6, not_after = ?7, data = ?8",
    [SQL_VENDOR_LIMIT] = "DELETE FROM vendor WHERE kind = 'vcek'"
                         " AND rowid <= (SELECT max(rowid) FROM vendor) - ?1",
    [SQL_VENDOR_PRUNE] = "DELETE FROM vendor WHERE not_after < ?1",
    [SQL_REPLICA_ADD] = "INSERT OR IGNORE INTO replica(one, id) VALUES(1, ?1)",
    [SQL_REPLICA_GET] = "SELECT id FROM replica",
};

int store_fail(const struct store *store, const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "store: %s: %s", what,
                   store->db != NULL ? sqlite3_errmsg(store->db) : "out of memory");
}

int store_run(struct store *store, enum store_statement which, struct err *err)
{
    sqlite3_stmt *statement = store->statements[which];
    int status = sqlite3_step(statement);
    int rc = status == SQLITE_DONE ? 0 : store_fail(store, store_sql[which], err);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc;
}

int store_first_row(struct store *store, enum store_statement which, bool *out_found,
                    struct err *err)
{
    int status = sqlite3_step(store->statements[which]);

    if (status != SQLITE_ROW && status != SQLITE_DONE) {
        return store_fail(store, store_sql[which], err);
    }
    *out_found = status == SQLITE_ROW;
    return 0;
}

bool store_bind(sqlite3_stmt *statement, int index, const void *data, size_t len)
{
    return sqlite3_bind_blob64(statement, index, data, len, SQLITE_STATIC) == SQLITE_OK;
}

bool store_column_equals(sqlite3_stmt *statement, int column, const void *data, size_t len)
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
    sqlite3_bind_int(store->statements[SQL_REPLICA_ADD], 1, random[0] << 8 | random[1]);
    if (store_run(store, SQL_REPLICA_ADD, err) != 0) {
        return -1;
    }
    rc = store_first_row(store, SQL_REPLICA_GET, &found, err);
    if (rc == 0 && !found) {
        rc = err_set(err, ERR_IO, "store: no replica number");
    }
    if (rc == 0) {
        store->replica = (uint16_t)sqlite3_column_int(store->statements[SQL_REPLICA_GET], 0);
    }
    sqlite3_reset(store->statements[SQL_REPLICA_GET]);
    return rc;
}

/* Databases that were made before instances were kept lack two columns: both, or none.  What fails
   may have been done by another authority on this store just now. */
static bool add_columns(sqlite3 *db)
{
    static const char has[] = "SELECT report_id, report_id_ma FROM issued LIMIT 0";
    static const char add[] = "BEGIN IMMEDIATE;"
                              "ALTER TABLE issued ADD COLUMN report_id BLOB;"
                              "ALTER TABLE issued ADD COLUMN report_id_ma BLOB;"
                              "COMMIT";

    if (sqlite3_exec(db, has, NULL, NULL, NULL) == SQLITE_OK ||
        sqlite3_exec(db, add, NULL, NULL, NULL) == SQLITE_OK) {
        return true;
    }
    if (sqlite3_get_autocommit(db) == 0) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return sqlite3_exec(db, has, NULL, NULL, NULL) == SQLITE_OK;
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
        sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK || !add_columns(store->db)) {
        store_fail(store, path, err);
        goto fail;
    }
    for (unsigned i = 0; i < SQL_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(store->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK) {
            store_fail(store, path, err);
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
    for (unsigned i = 0; i < SQL_STATEMENTS; i++) {
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
int store_check_place(struct store *store, struct err *err)
{
    int moved = 0;

    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK) {
        return store_fail(store, "file", err);
    }
    return moved == 0 ? 0 : err_set(err, ERR_IO, "store: the file was removed or replaced");
}

void store_rollback(struct store *store)
{
    struct err ignored; /* the first error is the one to report */

    if (!sqlite3_get_autocommit(store->db) && store_run(store, SQL_ROLLBACK, &ignored) != 0) {
        return; /* still open: the next SQL_BEGIN fails, and with it every issue */
    }
}

const char *store_library_version(void)
{
    return sqlite3_libversion();
}
