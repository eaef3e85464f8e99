/*
 * Database: a store of a test's own, in a folder of its own.
 */
#pragma once

#include "ca/store.h"

struct database {
    char dir[64];
    char path[96];
    struct store *store; /* the test may close it and open another; closed at the end */
};

/* For cmocka: *state is a struct database.  The end fails if anything but the database is left in
   its folder. */
int database_setup(void **state);
int database_teardown(void **state);
