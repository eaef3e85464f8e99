/*
 * Arrivals: evenly spaced for ever, and never early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/arrivals.h"

#define SECOND UINT64_C(1000000000)

static void nothing_is_taken_before_it_is_due(void **state)
{
    struct arrivals arrivals = {.begin_ns = 1000, .rate = 4};
    uint64_t due = 7;

    assert_false(arrivals_take(&arrivals, 999, &due));
    assert_int_equal(due, 7);
    assert_true(arrivals_take(&arrivals, 1000, &due));
    assert_int_equal(due, 1000);
    assert_false(arrivals_take(&arrivals, 1000 + SECOND / 4 - 1, &due));
    assert_true(arrivals_take(&arrivals, 1000 + SECOND / 4, &due));
    assert_int_equal(due, 1000 + SECOND / 4);
}

static void what_was_held_up_has_begun_when_it_was_due(void **state)
{
    struct arrivals arrivals = {.begin_ns = 0, .rate = 10};
    uint64_t due = 0;

    for (uint64_t i = 0; i <= 10; i++) {
        assert_true(arrivals_take(&arrivals, SECOND, &due));
        assert_int_equal(due, i * SECOND / 10);
    }
    assert_false(arrivals_take(&arrivals, SECOND, &due));
}

static void no_rounding_adds_up(void **state)
{
    struct arrivals arrivals = {.begin_ns = 5, .rate = 3};

    arrivals.num_taken = 3 * UINT64_C(100000000); /* three years */
    assert_int_equal(arrivals_next(&arrivals), 5 + 100000000 * SECOND);
    arrivals.num_taken++;
    assert_int_equal(arrivals_next(&arrivals), 5 + 100000000 * SECOND + SECOND / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_before_it_is_due),
        cmocka_unit_test(what_was_held_up_has_begun_when_it_was_due),
        cmocka_unit_test(no_rounding_adds_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
