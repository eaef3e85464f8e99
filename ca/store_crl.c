/*
 * Store_crl: the newest revocation list that was accepted for each root and kind of key.
 */
#include <string.h>

#include "ca/store_db.h"
#include "common/err.h"

int store_mark(struct store *store, const struct crl_mark *mark, struct err *err)
{
    sqlite3_stmt *set = store->statements[SQL_MARK_SET];

    if (!store_bind(set, 1, mark->ark_spki_sha256, sizeof(mark->ark_spki_sha256)) ||
        sqlite3_bind_int(set, 2, mark->vlek ? 1 : 0) != SQLITE_OK ||
        !store_bind(set, 3, mark->number, mark->number_len) ||
        sqlite3_bind_int64(set, 4, mark->this_update) != SQLITE_OK) {
        return store_fail(store, "bind", err);
    }
    return store_run(store, SQL_MARK_SET, err);
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
    sqlite3_stmt *marks = store->statements[SQL_MARKS];
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
        store_fail(store, store_sql[SQL_MARKS], err);
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

int store_crl_raise(struct store *store, const struct crl_mark *mark, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    rc = store_check_place(store, err);
    if (rc == 0) {
        rc = store_mark(store, mark, err);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}
