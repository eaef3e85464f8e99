/*
 * Change: the interval of a ratio, against values worked out by hand and by tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "bench/change.h"

static void assert_near(double found, double expected)
{
    assert_true(fabs(found - expected) <= 0.02 * fabs(expected));
}

static void a_clear_change_is_significant(void **state)
{
    const double from[] = {9, 10, 11};
    const double to[] = {19, 20, 21};
    struct change change = change_of(from, 3, to, 3);

    assert_true(change.known);
    assert_true(change.significant);
    assert_near(change.ratio, 2);
    /* Both variances are 1: the error is sqrt(2/3), with 4 degrees of freedom; t is 2.776. */
    assert_near(change.high - change.ratio, 2.776 * 0.8165 / 10);
    assert_near(change.ratio - change.low, 2.776 * 0.8165 / 10);
}

static void a_change_within_the_noise_is_not_significant(void **state)
{
    const double from[] = {8, 10, 12, 9, 11};
    const double to[] = {9, 11, 13, 8, 11};
    struct change change = change_of(from, 5, to, 5);

    assert_true(change.known);
    assert_false(change.significant);
    assert_true(change.low < 1 && change.high > 1);
}

static void a_quiet_series_beside_a_noisy_one_has_few_degrees_of_freedom(void **state)
{
    const double from[] = {100, 100, 100};
    const double to[] = {90, 110, 130};
    struct change change = change_of(from, 3, to, 3);

    /* All the noise is in the second: 2 degrees of freedom, t is 4.303. */
    assert_near(change.high - change.ratio, 4.303 * 20 / sqrt(3) / 100);
}

static void values_without_noise_have_an_interval_of_no_width(void **state)
{
    const double from[] = {4, 4};
    const double same[] = {4, 4};
    const double more[] = {5, 5};

    assert_false(change_of(from, 2, same, 2).significant);
    assert_true(change_of(from, 2, more, 2).significant);
    assert_near(change_of(from, 2, more, 2).low, 1.25);
}

static void nothing_is_known_from_too_little(void **state)
{
    const double one[] = {4};
    const double two[] = {4, 5};
    const double zero[] = {0, 0};

    assert_false(change_of(one, 1, two, 2).known);
    assert_false(change_of(two, 2, one, 1).known);
    assert_false(change_of(zero, 2, two, 2).known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_change_is_significant),
        cmocka_unit_test(a_change_within_the_noise_is_not_significant),
        cmocka_unit_test(a_quiet_series_beside_a_noisy_one_has_few_degrees_of_freedom),
        cmocka_unit_test(values_without_noise_have_an_interval_of_no_width),
        cmocka_unit_test(nothing_is_known_from_too_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
