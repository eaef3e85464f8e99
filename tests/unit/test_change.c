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
    assert_true(fabs(found - expected) <= 0.001 * fabs(expected));
}

static void a_clear_change_has_the_interval_of_welch(void **state)
{
    const double from[] = {9, 10, 11};
    const double to[] = {19, 20, 21};
    struct change change = change_of(from, 3, to, 3);

    assert_true(change.known);
    assert_near(change.ratio, 2);
    /* Both variances are 1: the error is sqrt(2/3), with 4 degrees of freedom; t is 2.776. */
    assert_near(change.high - change.ratio, 2.776 * 0.8165 / 10);
    assert_near(change.ratio - change.low, 2.776 * 0.8165 / 10);
}

static void an_interval_within_the_noise_holds_1(void **state)
{
    const double from[] = {8, 10, 12, 9, 11};
    const double to[] = {9, 11, 13, 8, 11};
    struct change change = change_of(from, 5, to, 5);

    assert_true(change.known);
    assert_true(change.chance > 0.05);
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

    assert_near(change_of(from, 2, same, 2).chance, 1);
    assert_near(change_of(from, 2, more, 2).chance, 0);
    assert_near(change_of(from, 2, more, 2).low, 1.25);
}

static void numbers_near_the_end_of_the_range_have_an_interval(void **state)
{
    const double from[] = {1e-150, 2e-150, 3e-150};
    const double to[] = {4e-150, 5e-150, 6e-150};
    struct change change = change_of(from, 3, to, 3);

    assert_true(change.known);
    assert_near(change.ratio, 2.5);
}

/* Holm by hand: 0.05 is divided by the number of those that are left. */
static void changes_are_judged_together(void **state)
{
    struct change changes[] = {
        {.known = true, .chance = 0.03}, /* alone it would be */
        {.known = true, .chance = 0.011}, {.known = true, .chance = 0.02},
        {.known = false, .chance = 0},    {.known = true, .chance = 0.6},
    };
    const bool significant[] = {false, true, false, false, false};

    changes_judge(changes, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(changes[i].significant, significant[i]);
    }
    changes_judge(changes, 1);
    assert_true(changes[0].significant);
}

#define TABLES 400
#define FIGURES 30

static double noise(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*seed >> 33) / (double)(UINT64_C(1) << 31);
}

/* 20 are expected; of 400 figures one by one it would be more than 300. */
static void two_runs_that_are_alike_are_hardly_ever_told_apart(void **state)
{
    uint64_t seed = 1;
    unsigned wrong = 0;

    for (unsigned i = 0; i < TABLES; i++) {
        struct change changes[FIGURES];
        bool any = false;

        for (size_t j = 0; j < FIGURES; j++) {
            double a[5];
            double b[5];

            for (size_t k = 0; k < 5; k++) {
                a[k] = 100 + noise(&seed) + noise(&seed) + noise(&seed);
                b[k] = 100 + noise(&seed) + noise(&seed) + noise(&seed);
            }
            changes[j] = change_of(a, 5, b, 5);
        }
        changes_judge(changes, FIGURES);
        for (size_t j = 0; j < FIGURES; j++) {
            any = any || changes[j].significant;
        }
        wrong += any;
    }
    assert_in_range(wrong, 1, 40);
}

static void nothing_is_known_from_too_little(void **state)
{
    const double one[] = {4};
    const double two[] = {4, 5};
    const double zero[] = {0, 0};
    const double huge[] = {1e308, -1e308, 1e308};

    assert_false(change_of(one, 1, two, 2).known);
    assert_false(change_of(two, 2, one, 1).known);
    assert_false(change_of(zero, 2, two, 2).known);
    assert_false(change_of(huge, 3, two, 2).known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_change_has_the_interval_of_welch),
        cmocka_unit_test(an_interval_within_the_noise_holds_1),
        cmocka_unit_test(a_quiet_series_beside_a_noisy_one_has_few_degrees_of_freedom),
        cmocka_unit_test(values_without_noise_have_an_interval_of_no_width),
        cmocka_unit_test(numbers_near_the_end_of_the_range_have_an_interval),
        cmocka_unit_test(changes_are_judged_together),
        cmocka_unit_test(two_runs_that_are_alike_are_hardly_ever_told_apart),
        cmocka_unit_test(nothing_is_known_from_too_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
