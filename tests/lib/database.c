/*
 * Database: the files that SQLite makes, and nothing else.
 */
#include "tests/lib/database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"

int database_setup(void **state)
{
    struct database *database = calloc(1, sizeof(*database));
    struct err err;

    assert_non_null(database);
    snprintf(database->dir, sizeof(database->dir), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(database->dir));
    snprintf(database->path, sizeof(database->path), "%s/ca.db", database->dir);
    database->store = store_open(database->path, &err);
    assert_non_null(database->store);
    *state = database;
    return 0;
}

int database_teardown(void **state)
{
    struct database *database = *state;
    const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[128];

    store_close(database->store);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", database->path, suffixes[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(database->dir), 0);
    free(database);
    return 0;
}
