/*
 * Buckets: who gets a token when, and who is forgotten when there is no place for all.
 */
#include "ca/buckets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define START_NS UINT64_C(7000000000)

static struct buckets *make(size_t num_places, uint64_t interval_ns, uint64_t burst)
{
    struct buckets *buckets = buckets_new(&(struct buckets_options){
        .num_places = num_places, .salt = 42, .interval_ns = interval_ns, .burst = burst});

    assert_non_null(buckets);
    return buckets;
}

/* Of the one whose number is `who`. */
static uint64_t take(struct buckets *buckets, uint32_t who, uint64_t now_ns)
{
    uint8_t key[16] = {0};

    memcpy(key, &who, sizeof(who));
    return buckets_take(buckets, (struct bytes){key, sizeof(key)}, now_ns);
}

static void exhaust(struct buckets *buckets, uint32_t who, uint64_t now_ns)
{
    while (take(buckets, who, now_ns) == 0) {
    }
}

static void a_bucket_holds_its_burst_and_fills_at_its_rate(void **state)
{
    /* Two a second, a burst of three. */
    static const struct {
        uint32_t who;
        uint64_t after_ns;
        uint64_t want_ns;
    } rows[] = {
        {1, 0, 0},
        {1, 0, 0},
        {1, 0, 0},
        {1, 0, SECOND_NS / 2},
        {1, 0, SECOND_NS / 2}, /* a refusal costs nothing */
        {2, 0, 0},             /* another one */
        {1, SECOND_NS / 4, SECOND_NS / 4},
        {1, SECOND_NS / 2 - 1, 1},
        {1, SECOND_NS / 2, 0},
        {1, SECOND_NS / 2, SECOND_NS / 2},
        {1, SECOND_NS, 0},
        {1, SECOND_NS, SECOND_NS / 2},
        {1, 1000 * SECOND_NS, 0}, /* full, and no fuller than that */
        {1, 1000 * SECOND_NS, 0},
        {1, 1000 * SECOND_NS, 0},
        {1, 1000 * SECOND_NS, SECOND_NS / 2},
    };
    struct buckets *buckets = make(4, SECOND_NS / 2, 3);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("  row %zu\n", i);
        assert_int_equal(take(buckets, rows[i].who, START_NS + rows[i].after_ns), rows[i].want_ns);
    }
    buckets_free(buckets);
}

static void the_extremes_of_the_options_are_exact(void **state)
{
    static const struct {
        uint64_t interval_ns;
        uint64_t burst;
    } rows[] = {{1, 1},
                {BUCKETS_INTERVAL_MAX_NS, 1},
                {1, BUCKETS_BURST_MAX},
                {BUCKETS_INTERVAL_MAX_NS, BUCKETS_BURST_MAX}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buckets *buckets = make(1, rows[i].interval_ns, rows[i].burst);

        for (uint64_t k = 0; k < rows[i].burst; k++) {
            assert_int_equal(take(buckets, 1, 1), 0);
        }
        assert_int_equal(take(buckets, 1, 1), rows[i].interval_ns);
        assert_int_equal(take(buckets, 1, 1 + rows[i].interval_ns), 0);
        buckets_free(buckets);
    }
}

/* Each of thousands that come once pushes out another of them, never the one that is limited. */
static void newcomers_do_not_free_who_is_being_limited(void **state)
{
    struct buckets *buckets = make(16, SECOND_NS, 3);

    exhaust(buckets, 1, START_NS);
    for (uint32_t who = 2; who < 5000; who++) {
        assert_int_equal(take(buckets, who, START_NS), 0);
        assert_int_equal(take(buckets, 1, START_NS), SECOND_NS);
    }
    buckets_free(buckets);
}

/* The table is full of others that were limited no less; then they were served their bursts. */
static void only_as_many_that_are_limited_harder_free_one(void **state)
{
    struct buckets *buckets = make(16, SECOND_NS, 3);

    exhaust(buckets, 1, START_NS);
    for (uint32_t who = 2; who <= 16; who++) {
        exhaust(buckets, who, START_NS + 1);
        assert_int_equal(take(buckets, 1, START_NS + 1), SECOND_NS - 1);
    }
    exhaust(buckets, 17, START_NS + 2);
    assert_int_equal(take(buckets, 1, START_NS + 2), 0);
    buckets_free(buckets);
}

static void nobody_is_refused_for_what_others_did(void **state)
{
    struct buckets *buckets = make(16, SECOND_NS, 2);

    for (uint32_t who = 1; who < 5000; who++) {
        assert_int_equal(take(buckets, who, START_NS + who), 0);
        assert_int_equal(take(buckets, who, START_NS + who), 0);
    }
    buckets_free(buckets);
}

/* A place whose bucket is full is as good as one never used: who still owes stays. */
static void full_buckets_make_room_first(void **state)
{
    struct buckets *buckets = make(4, SECOND_NS, 2);
    const uint64_t later_ns = START_NS + SECOND_NS;

    for (uint32_t who = 1; who <= 3; who++) {
        assert_int_equal(take(buckets, who, START_NS), 0); /* full again at `later_ns` */
    }
    exhaust(buckets, 4, START_NS);
    for (uint32_t who = 5; who <= 7; who++) {
        exhaust(buckets, who, later_ns);
    }
    assert_int_equal(take(buckets, 4, later_ns), 0);
    for (uint32_t who = 4; who <= 7; who++) {
        assert_int_equal(take(buckets, who, later_ns), SECOND_NS);
    }
    buckets_free(buckets);
}

/* What a list of all without any bound says: as long as it has fewer than there are places, the
   table says the same. */
static void a_table_with_room_remembers_everybody(void **state)
{
    enum { PEOPLE = 64, STEPS = 20000, BURST = 5 };
    struct buckets *buckets = make(PEOPLE, SECOND_NS, BURST);
    uint64_t full_ns[PEOPLE] = {0};
    uint64_t now_ns = START_NS;
    uint64_t random = 1;

    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t want_ns = 0;
        uint32_t who = 0;

        random = random * 6364136223846793005U + 1442695040888963407U;
        who = (uint32_t)(random >> 33) % PEOPLE;
        now_ns += (random >> 40) % (SECOND_NS / PEOPLE);
        if (full_ns[who] < now_ns) {
            full_ns[who] = now_ns;
        }
        if (full_ns[who] + SECOND_NS > now_ns + BURST * SECOND_NS) {
            want_ns = full_ns[who] + SECOND_NS - now_ns - BURST * SECOND_NS;
        } else {
            full_ns[who] += SECOND_NS;
        }
        assert_int_equal(take(buckets, who, now_ns), want_ns);
    }
    buckets_free(buckets);
}

static void keys_differ_in_each_of_their_bytes(void **state)
{
    uint8_t key[BUCKETS_KEY_MAX] = {0};
    struct buckets *buckets = make(128, SECOND_NS, 1);

    assert_int_equal(buckets_take(buckets, (struct bytes){key, sizeof(key)}, START_NS), 0);
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = 1;
        assert_int_equal(buckets_take(buckets, (struct bytes){key, sizeof(key)}, START_NS), 0);
        assert_int_equal(buckets_take(buckets, (struct bytes){key, sizeof(key)}, START_NS),
                         SECOND_NS);
        key[i] = 0;
    }
    buckets_free(buckets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_holds_its_burst_and_fills_at_its_rate),
        cmocka_unit_test(the_extremes_of_the_options_are_exact),
        cmocka_unit_test(newcomers_do_not_free_who_is_being_limited),
        cmocka_unit_test(only_as_many_that_are_limited_harder_free_one),
        cmocka_unit_test(nobody_is_refused_for_what_others_did),
        cmocka_unit_test(full_buckets_make_room_first),
        cmocka_unit_test(a_table_with_room_remembers_everybody),
        cmocka_unit_test(keys_differ_in_each_of_their_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
