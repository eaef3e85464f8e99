/*
 * Tests of the renewal schedule.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ca-client/renew.h"

#define HOUR_MS 3600000
#define ISSUED_MS INT64_C(1790000000000)

static void a_renewal_comes_around_half_of_the_lifetime(void **state)
{
    struct renew renew = {.failures = 3, .retried = true};
    uint64_t random = 0x9e3779b97f4a7c15;

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t delay_ms =
            renew_after_success(&renew, ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS, random);

        assert_in_range(delay_ms, HOUR_MS * 45 / 100, HOUR_MS * 55 / 100);
        random = random * 6364136223846793005U + 1442695040888963407U;
    }
    assert_int_equal(renew.failures, 0);
    assert_false(renew.retried);
}

static void a_renewal_spans_its_whole_window(void **state)
{
    struct renew renew = {0};

    assert_int_equal(renew_after_success(&renew, ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS, 0),
                     HOUR_MS * 45 / 100);
    assert_int_equal(
        renew_after_success(&renew, ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS, HOUR_MS / 10),
        HOUR_MS * 55 / 100);
    assert_int_equal(
        renew_after_success(&renew, ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS + 600000, 0),
        HOUR_MS * 45 / 100 - 600000);
}

static void a_late_or_senseless_renewal_is_no_busy_loop(void **state)
{
    static const struct {
        int64_t issued_ms;
        int64_t not_after_ms;
        int64_t now_ms;
    } cases[] = {
        {ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS + HOUR_MS - 1},
        {ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS + 2 * HOUR_MS},
        {ISSUED_MS, ISSUED_MS, ISSUED_MS},
        {ISSUED_MS, ISSUED_MS - 1, ISSUED_MS - 2},
        {INT64_MIN, INT64_MAX, ISSUED_MS},
    };
    struct renew renew = {0};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(renew_after_success(&renew, cases[i].issued_ms, cases[i].not_after_ms,
                                             cases[i].now_ms, 0),
                         500);
    }
}

static void failures_back_off_to_a_cap(void **state)
{
    static const uint64_t expected[] = {500,   1000,  2000,   4000,   8000,  16000,
                                        32000, 64000, 128000, 150000, 150000};
    struct renew renew = {0};

    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct renew same = renew;

        assert_int_equal(renew_after_failure(&same, VERDICT_ACCEPTED, 0, 0, ISSUED_MS, 0),
                         expected[i] * 8 / 10);
        assert_int_equal(
            renew_after_failure(&renew, VERDICT_ACCEPTED, 0, 0, ISSUED_MS, expected[i] * 4 / 10),
            expected[i] * 12 / 10);
    }
}

static void a_refusal_that_lasts_is_tried_rarely(void **state)
{
    struct renew renew = {0};

    assert_int_equal(renew_after_failure(&renew, VERDICT_REFERENCE_MISMATCH, 0, 0, ISSUED_MS, 0),
                     120000);
}

static void a_spent_nonce_is_replaced_at_once_but_only_one_time(void **state)
{
    static const enum verdict_code codes[] = {VERDICT_NONCE_EXPIRED, VERDICT_NONCE_REPLAYED,
                                              VERDICT_KEY_REUSED};

    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct renew renew = {0};

        assert_int_equal(renew_after_failure(&renew, codes[i], 0, 0, ISSUED_MS, 0), 0);
        assert_int_equal(renew_after_failure(&renew, codes[i], 0, 0, ISSUED_MS, 0), 400);
        assert_int_equal(renew_after_failure(&renew, codes[i], 0, 0, ISSUED_MS, 0), 800);
    }
}

/* Whoever comes too often (429) as whoever finds the CA unable (503): at least as long as asked, at
   most twice that, and longer once failures have added up. */
static void the_ca_may_ask_for_patience(void **state)
{
    static const enum verdict_code codes[] = {VERDICT_RATE_LIMITED, VERDICT_UNAVAILABLE,
                                              VERDICT_COLLATERAL_UNAVAILABLE};
    static const struct {
        unsigned failures;
        unsigned asked_s;
        uint64_t random;
        uint64_t want_ms;
    } rows[] = {
        {0, 0, 0, 400},
        {0, 1, 0, 1000},
        {0, 1, 1000, 2000},
        {0, 30, 0, 30000},
        {0, 30, 12345, 42345},
        {0, 30, 30000, 60000},
        {0, UINT_MAX, 0, 3600000},
        {0, UINT_MAX, 3600000, 7200000},
        {5, 1, 0, 12800},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            struct renew renew = {.failures = rows[k].failures};

            assert_int_equal(renew_after_failure(&renew, codes[i], rows[k].asked_s, 0, ISSUED_MS,
                                                 rows[k].random),
                             rows[k].want_ms);
            assert_int_equal(renew.failures, rows[k].failures + 1);
        }
    }
}

static void a_try_is_always_left_before_the_end(void **state)
{
    struct renew renew = {.failures = 9};
    int64_t not_after_ms = ISSUED_MS + 60000;
    int64_t now_ms = ISSUED_MS;
    unsigned tries = 0;

    while (now_ms < not_after_ms) {
        uint64_t delay_ms =
            renew_after_failure(&renew, VERDICT_UNAVAILABLE, 600, not_after_ms, now_ms, UINT64_MAX);

        assert_in_range(delay_ms, 500, 30000);
        assert_true(now_ms + (int64_t)delay_ms < not_after_ms || not_after_ms - now_ms <= 500);
        now_ms += (int64_t)delay_ms;
        tries++;
    }
    assert_in_range(tries, 5, 12);
}

static void many_tries_before_the_end_do_not_make_for_few_after_it(void **state)
{
    const int64_t not_after_ms = ISSUED_MS + 12000;
    struct renew renew = {0};
    int64_t now_ms = ISSUED_MS + 6000;

    while (now_ms < not_after_ms) {
        now_ms +=
            (int64_t)renew_after_failure(&renew, VERDICT_ACCEPTED, 0, not_after_ms, now_ms, 0);
    }
    assert_in_range(renew_after_failure(&renew, VERDICT_ACCEPTED, 0, not_after_ms, now_ms, 0), 500,
                    6000);
}

static void r17_a_jump_of_the_clocks_is_answered_at_once_but_not_all_the_time(void **state)
{
    struct renew renew = {0};

    assert_int_equal(renew_after_jump(&renew, 500), 500);
    assert_int_equal(renew_after_jump(&renew, 10499), 10500);
    assert_int_equal(renew_after_jump(&renew, 10499), 10500); /* it waits for the same turn */
    assert_int_equal(renew_after_jump(&renew, 10501), 20500);
    assert_int_equal(renew_after_jump(&renew, 90000), 90000);
}

static void a_renewal_does_not_forget_the_last_jump(void **state)
{
    struct renew renew = {0};

    assert_int_equal(renew_after_jump(&renew, 500), 500);
    (void)renew_after_success(&renew, ISSUED_MS, ISSUED_MS + HOUR_MS, ISSUED_MS, 0);
    assert_int_equal(renew_after_jump(&renew, 600), 500 + RENEW_JUMP_GAP_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_comes_around_half_of_the_lifetime),
        cmocka_unit_test(a_renewal_spans_its_whole_window),
        cmocka_unit_test(a_late_or_senseless_renewal_is_no_busy_loop),
        cmocka_unit_test(failures_back_off_to_a_cap),
        cmocka_unit_test(a_refusal_that_lasts_is_tried_rarely),
        cmocka_unit_test(a_spent_nonce_is_replaced_at_once_but_only_one_time),
        cmocka_unit_test(the_ca_may_ask_for_patience),
        cmocka_unit_test(a_try_is_always_left_before_the_end),
        cmocka_unit_test(many_tries_before_the_end_do_not_make_for_few_after_it),
        cmocka_unit_test(r17_a_jump_of_the_clocks_is_answered_at_once_but_not_all_the_time),
        cmocka_unit_test(a_renewal_does_not_forget_the_last_jump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
