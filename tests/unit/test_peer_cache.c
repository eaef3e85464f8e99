/*
 * Tests of peer_cache: what is found again, and what no longer is.
 */
#include "proxy/peer_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define FROM 1000
#define UNTIL 2000

static struct peer_key key_of(uint8_t first, uint8_t last)
{
    struct peer_key key = {.generation = 7, .role = SVID_CLIENT};

    key.sha256[0] = first;
    key.sha256[31] = last;
    return key;
}

static struct svid svid_of(char *spiffe)
{
    return (struct svid){.spiffe = spiffe, .path_from = FROM, .path_until = UNTIL, .serial_len = 3};
}

static int setup(void **state)
{
    *state = peer_cache_new();
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    peer_cache_free(*state);
    return 0;
}

static void what_was_put_is_found_as_a_copy(void **state)
{
    struct peer_key key = key_of(1, 1);
    char text[] = "spiffe://prod.example/snp/a";
    struct svid svid = svid_of(text);
    const struct svid *found = NULL;

    assert_null(peer_cache_find(*state, &key, FROM));
    peer_cache_put(*state, &key, &svid);
    text[sizeof(text) - 2] = 'z';
    found = peer_cache_find(*state, &key, FROM);
    assert_non_null(found);
    assert_string_equal(found->spiffe, "spiffe://prod.example/snp/a");
    assert_int_equal(found->serial_len, 3);
}

static void anything_else_is_not_found(void **state)
{
    char text[] = "spiffe://prod.example/snp/a";
    struct peer_key key = key_of(1, 1);
    struct svid svid = svid_of(text);
    struct peer_key others[] = {key_of(1, 2), key_of(2, 1), key, key};

    others[2].generation++;
    others[3].role = SVID_SERVER;
    peer_cache_put(*state, &key, &svid);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(peer_cache_find(*state, &others[i], FROM));
    }
}

static void a_path_counts_only_while_it_is_valid(void **state)
{
    char text[] = "spiffe://prod.example/snp/a";
    struct peer_key key = key_of(1, 1);
    struct svid svid = svid_of(text);

    peer_cache_put(*state, &key, &svid);
    assert_null(peer_cache_find(*state, &key, FROM - 1));
    assert_non_null(peer_cache_find(*state, &key, FROM));
    assert_non_null(peer_cache_find(*state, &key, UNTIL - 1));
    assert_null(peer_cache_find(*state, &key, UNTIL));
}

static void the_last_one_has_the_slot(void **state)
{
    char first[] = "spiffe://prod.example/snp/a";
    char second[] = "spiffe://prod.example/snp/b";
    struct peer_key one = key_of(1, 1);
    struct peer_key other = key_of(1, 2);
    struct svid svid = svid_of(first);

    peer_cache_put(*state, &one, &svid);
    svid = svid_of(second);
    peer_cache_put(*state, &other, &svid);
    assert_null(peer_cache_find(*state, &one, FROM));
    assert_string_equal(peer_cache_find(*state, &other, FROM)->spiffe, second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_found_as_a_copy),
        TEST(anything_else_is_not_found),
        TEST(a_path_counts_only_while_it_is_valid),
        TEST(the_last_one_has_the_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
