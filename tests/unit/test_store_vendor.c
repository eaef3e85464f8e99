/*
 * Store_vendor: what is kept, until when, and how much of it.
 */
#include "ca/store_vendor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/err.h"
#include "tests/lib/database.h"

static struct vendor_key vcek(uint8_t chip, uint8_t tcb)
{
    struct vendor_key key = {.kind = VENDOR_VCEK, .product = PRODUCT_GENOA};

    memset(key.chip, chip, sizeof(key.chip));
    memset(key.tcb, tcb, sizeof(key.tcb));
    return key;
}

/* Keeps `text` under the key until 2000. */
static void keep(struct database *f, struct vendor_key key, const char *text)
{
    const struct vendor_item item = {key, {(const uint8_t *)text, strlen(text)}};
    struct err err;

    assert_int_equal(store_vendor_keep(f->store, &item, 1000, 2000, &err), 0);
}

static void assert_kept(struct database *f, struct vendor_key key, const char *text)
{
    char storage[64];
    struct buf out = buf_over(storage, sizeof(storage));
    bool found = false;
    struct err err;

    assert_int_equal(store_vendor_find(f->store, &key, &out, &found, &err), 0);
    assert_int_equal(found, text != NULL);
    if (text != NULL) {
        assert_int_equal(out.len, strlen(text));
        assert_memory_equal(storage, text, out.len);
    }
}

static void what_the_vendor_published_is_kept_by_kind_product_chip_and_tcb(void **state)
{
    struct database *f = *state;
    const struct vendor_key chain = {.kind = VENDOR_CHAIN, .product = PRODUCT_GENOA};
    struct vendor_key others[] = {vcek(1, 2), vcek(2, 1), vcek(1, 1), chain, chain, chain};
    struct err err;

    others[2].product = PRODUCT_MILAN;
    others[3].kind = VENDOR_CRL;
    others[4].product = PRODUCT_TURIN;
    others[5].vlek = true;
    keep(f, vcek(1, 1), "first");
    keep(f, chain, "chain");
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_kept(f, others[i], NULL);
    }
    keep(f, vcek(1, 1), "again");
    store_close(f->store);
    f->store = store_open(f->path, &err);
    assert_non_null(f->store);
    assert_kept(f, vcek(1, 1), "again");
    assert_kept(f, chain, "chain");
    assert_int_equal(store_prune(f->store, 2000, &err), 0);
    assert_kept(f, chain, "chain");
    assert_int_equal(store_prune(f->store, 2001, &err), 0);
    assert_kept(f, chain, NULL);
}

static void a_chip_is_known_once_something_of_it_was_kept(void **state)
{
    struct database *f = *state;
    const struct vendor_key old = vcek(7, 1);
    const struct vendor_key new = vcek(7, 2);
    const struct vendor_key other = vcek(8, 1);
    bool known = true;
    struct err err;

    assert_int_equal(store_vendor_knows(f->store, &new, &known, &err), 0);
    assert_false(known);
    keep(f, old, "x");
    assert_int_equal(store_vendor_knows(f->store, &new, &known, &err), 0);
    assert_true(known);
    assert_int_equal(store_vendor_knows(f->store, &other, &known, &err), 0);
    assert_false(known);
}

static void the_oldest_goes_when_there_are_too_many(void **state)
{
    struct database *f = *state;
    struct vendor_key key = vcek(1, 1);
    const struct vendor_key chain = {.kind = VENDOR_CHAIN, .product = PRODUCT_GENOA};
    sqlite3 *db = NULL;

    keep(f, chain, "chain");
    keep(f, key, "first");
    keep(f, vcek(2, 1), "second");
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    /* As if as many had been kept meanwhile as there may be, but one. */
    assert_int_equal(
        sqlite3_exec(db, "UPDATE vendor SET rowid = rowid + 4094 WHERE hex(chip) LIKE '02%'", NULL,
                     NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_kept(f, key, "first");
    keep(f, vcek(3, 1), "third");
    assert_kept(f, key, NULL);
    assert_kept(f, vcek(2, 1), "second");
    assert_kept(f, vcek(3, 1), "third");
    assert_kept(f, chain, "chain"); /* all enrolments of the product need it */
}

static void what_is_too_long_for_its_reader_is_an_error(void **state)
{
    struct database *f = *state;
    const struct vendor_key key = vcek(1, 1);
    char storage[2];
    struct buf out = buf_over(storage, sizeof(storage));
    bool found = false;
    struct err err;

    keep(f, key, "abc");
    assert_int_equal(store_vendor_find(f->store, &key, &out, &found, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(out.len, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, database_setup, database_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_the_vendor_published_is_kept_by_kind_product_chip_and_tcb),
        CASE(a_chip_is_known_once_something_of_it_was_kept),
        CASE(the_oldest_goes_when_there_are_too_many),
        CASE(what_is_too_long_for_its_reader_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
