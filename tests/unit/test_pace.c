/*
 * Pace: when a request may start, and that only one is at work.
 */
#include "attest/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "common/err.h"

#define INTERVAL 2000
#define EPOCH UINT64_C(1000000) /* a clock that runs already */

static void starts_keep_their_distance_and_more_than_two_wait_longer(void **state)
{
    /* Each asks when the one before it was allowed to start, or `idle` later. */
    static const struct {
        const char *what;
        uint64_t idle_ms;
        uint64_t wait_ms;
    } rows[] = {
        {"the first", 0, 0},
        {"the second: the interval", 0, 2000},
        {"the third: a token, 10 s after the first", 0, 8000},
        {"the fourth: one token every 10 s", 0, 10000},
        {"after less than the interval", 1500, 8500},
        {"after a long time", 60000, 0},
        {"and one more", 0, 2000},
        {"and no more", 0, 8000},
        {"a token is there again", 10000, 0},
        {"but no second one", 2000, 8000},
    };
    struct pace_rule rule = {.started = false};
    uint64_t now = EPOCH;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t wait_ms = 0;

        now += rows[i].idle_ms;
        wait_ms = pace_wait_ms(&rule, INTERVAL, now);
        if (wait_ms != rows[i].wait_ms) {
            fail_msg("%s: %llu instead of %llu", rows[i].what, (unsigned long long)wait_ms,
                     (unsigned long long)rows[i].wait_ms);
        }
        now += wait_ms;
        assert_int_equal(pace_wait_ms(&rule, INTERVAL, now), 0);
        pace_start(&rule, INTERVAL, now);
    }
}

static void a_turn_is_given_back_before_the_next_one_begins(void **state)
{
    static const struct pace_patience impatient = {.timeout_ms = 0};
    static const struct pace_patience patient = {.timeout_ms = 60000};
    struct err err;
    struct pace *pace = pace_new(1, &err);

    assert_non_null(pace);
    assert_int_equal(pace_begin(pace, &impatient, &err), 0);
    assert_int_equal(pace_begin(pace, &impatient, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    pace_end(pace);
    assert_int_equal(pace_begin(pace, &patient, &err), 0);
    assert_int_equal(pace_begin(pace, &impatient, &err), -1);
    assert_string_equal(err.msg, "another request keeps the firmware busy");
    pace_end(pace);
    pace_free(pace);
}

static void who_cannot_wait_long_enough_is_told_at_once(void **state)
{
    static const struct pace_patience patience = {.timeout_ms = 1000};
    atomic_bool cancelled = true;
    const struct pace_patience ended = {.timeout_ms = 86400000, .cancelled = &cancelled};
    struct err err;
    struct pace *pace = pace_new(3600000, &err);

    assert_non_null(pace);
    assert_int_equal(pace_begin(pace, &patience, &err), 0);
    pace_end(pace);
    assert_int_equal(pace_begin(pace, &patience, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "is not asked so often"));
    assert_int_equal(pace_begin(pace, &ended, &err), -1);
    assert_non_null(strstr(err.msg, "cancelled"));
    pace_free(pace);
}

static void without_a_pace_nobody_waits(void **state)
{
    struct err err;

    assert_int_equal(pace_begin(NULL, &(struct pace_patience){0}, &err), 0);
    assert_int_equal(pace_begin(NULL, &(struct pace_patience){0}, &err), 0);
    pace_end(NULL);
    pace_free(NULL);
}

struct crowd {
    struct pace *pace;
    atomic_uint at_work;
    atomic_uint most;
    atomic_uint done;
};

static void *work(void *arg)
{
    static const struct pace_patience patient = {.timeout_ms = 60000};
    struct crowd *crowd = arg;
    struct err err;

    if (pace_begin(crowd->pace, &patient, &err) == 0) {
        unsigned now = atomic_fetch_add(&crowd->at_work, 1) + 1;

        if (now > atomic_load(&crowd->most)) {
            atomic_store(&crowd->most, now);
        }
        atomic_fetch_sub(&crowd->at_work, 1);
        atomic_fetch_add(&crowd->done, 1);
        pace_end(crowd->pace);
    }
    return NULL;
}

static void of_many_threads_one_is_at_work(void **state)
{
    struct err err;
    struct crowd crowd = {.pace = pace_new(1, &err)};
    pthread_t threads[8];

    assert_non_null(crowd.pace);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &crowd), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&crowd.done), 8);
    assert_int_equal(atomic_load(&crowd.most), 1);
    pace_free(crowd.pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_keep_their_distance_and_more_than_two_wait_longer),
        cmocka_unit_test(a_turn_is_given_back_before_the_next_one_begins),
        cmocka_unit_test(who_cannot_wait_long_enough_is_told_at_once),
        cmocka_unit_test(without_a_pace_nobody_waits),
        cmocka_unit_test(of_many_threads_one_is_at_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
