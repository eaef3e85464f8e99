/*
 * Store_vendor: one table, a row for each key.
 */
#include "ca/store_vendor.h"

#include "attest/crl.h"
#include "ca/store_db.h"
#include "common/err.h"

static bool bind_key(sqlite3_stmt *statement, const struct vendor_key *key)
{
    bool vcek = key->kind == VENDOR_VCEK;

    return sqlite3_bind_text(statement, 1, vendor_kind_name(key->kind), -1, SQLITE_STATIC) ==
               SQLITE_OK &&
           sqlite3_bind_text(statement, 2, product_name(key->product), -1, SQLITE_STATIC) ==
               SQLITE_OK &&
           sqlite3_bind_int(statement, 3, key->vlek ? 1 : 0) == SQLITE_OK &&
           store_bind(statement, 4, key->chip, vcek ? sizeof(key->chip) : 0) &&
           store_bind(statement, 5, key->tcb, vcek ? sizeof(key->tcb) : 0);
}

/* Leaves the statement on its row, if there is one; the caller resets it. */
static int find_row(struct store *store, const struct vendor_key *key, bool *out_found,
                    struct err *err)
{
    if (!bind_key(store->statements[SQL_VENDOR_FIND], key)) {
        return store_fail(store, "bind", err);
    }
    return store_first_row(store, SQL_VENDOR_FIND, out_found, err);
}

static void reset(struct store *store, enum store_statement which)
{
    sqlite3_reset(store->statements[which]);
    sqlite3_clear_bindings(store->statements[which]);
}

int store_vendor_find(struct store *store, const struct vendor_key *key, struct buf *out,
                      bool *out_found, struct err *err)
{
    sqlite3_stmt *find = store->statements[SQL_VENDOR_FIND];
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    rc = find_row(store, key, out_found, err);
    if (rc == 0 && *out_found &&
        !buf_append(out, sqlite3_column_blob(find, 0), (size_t)sqlite3_column_bytes(find, 0))) {
        rc = err_set(err, ERR_LIMIT, "store: vendor: too long");
    }
    reset(store, SQL_VENDOR_FIND);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

int store_vendor_knows(struct store *store, const struct vendor_key *key, bool *out_known,
                       struct err *err)
{
    sqlite3_stmt *knows = store->statements[SQL_VENDOR_KNOWS];
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    if (!store_bind(knows, 1, key->chip, sizeof(key->chip))) {
        rc = store_fail(store, "bind", err);
    } else {
        rc = store_first_row(store, SQL_VENDOR_KNOWS, out_known, err);
    }
    reset(store, SQL_VENDOR_KNOWS);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static int write_row(struct store *store, const struct vendor_item *item, int64_t now_s,
                     int64_t not_after, struct err *err)
{
    sqlite3_stmt *keep = store->statements[SQL_VENDOR_KEEP];

    if (!bind_key(keep, &item->key) || sqlite3_bind_int64(keep, 6, now_s) != SQLITE_OK ||
        sqlite3_bind_int64(keep, 7, not_after) != SQLITE_OK ||
        !store_bind(keep, 8, item->data.data, item->data.len) ||
        sqlite3_bind_int(store->statements[SQL_VENDOR_LIMIT], 1, STORE_VENDOR_MAX) != SQLITE_OK) {
        return store_fail(store, "bind", err);
    }
    if (store_check_place(store, err) == 0 && store_run(store, SQL_BEGIN, err) == 0 &&
        store_run(store, SQL_VENDOR_KEEP, err) == 0 &&
        store_run(store, SQL_VENDOR_LIMIT, err) == 0 && store_run(store, SQL_COMMIT, err) == 0) {
        return 0;
    }
    store_rollback(store);
    return -1;
}

/* Two enrolments end in any order: the list of the later one may be the older one.  Which is newer
   says the number, as everywhere; one that was published in haste may end first. */
static bool is_older_list(sqlite3_stmt *stored, const struct vendor_item *item)
{
    const struct bytes data = {sqlite3_column_blob(stored, 0),
                               (size_t)sqlite3_column_bytes(stored, 0)};
    struct crl there;
    struct crl list;
    int order = 0;

    if (item->key.kind != VENDOR_CRL || !crl_read(data, &there) || !crl_read(item->data, &list)) {
        return false;
    }
    order = crl_compare_numbers(list.number, there.number);
    return order < 0 || (order == 0 && list.this_update < there.this_update);
}

int store_vendor_keep(struct store *store, const struct vendor_item *item, int64_t now_s,
                      int64_t not_after, struct err *err)
{
    bool found = false;
    bool stays = false;
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    rc = find_row(store, &item->key, &found, err);
    stays = rc == 0 && found &&
            (store_column_equals(store->statements[SQL_VENDOR_FIND], 0, item->data.data,
                                 item->data.len) ||
             is_older_list(store->statements[SQL_VENDOR_FIND], item));
    reset(store, SQL_VENDOR_FIND);
    if (rc == 0 && !stays) {
        rc = write_row(store, item, now_s, not_after, err);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}
