/*
 * Series: against values worked out by hand, to a thousandth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "bench/series.h"

static void near(double value, double want)
{
    assert_true(fabs(value - want) < 1e-3);
}

static void one_value_is_its_own_interval(void **state)
{
    double values[] = {4.5};
    const struct series s = series_of(values, 1);

    near(s.median, 4.5);
    near(s.mean, 4.5);
    near(s.low, 4.5);
    near(s.high, 4.5);
}

static void five_values_have_the_interval_of_student(void **state)
{
    double values[] = {5, 1, 4, 2, 3}; /* deviation 1.5811, its mean's 0.7071, quantile 2.776 */
    const struct series s = series_of(values, 5);

    near(s.median, 3);
    near(s.mean, 3);
    near(s.least, 1);
    near(s.most, 5);
    near(s.low, 3 - 1.963);
    near(s.high, 3 + 1.963);
}

static void an_even_number_has_its_median_between(void **state)
{
    double values[] = {10, 1, 3, 2};
    const struct series s = series_of(values, 4);

    near(s.median, 2.5);
    near(s.mean, 4);
}

static void many_values_have_a_narrow_interval(void **state)
{
    double values[100];
    struct series s;

    for (size_t i = 0; i < 100; i++) {
        values[i] = (double)(i % 2); /* deviation 0.5025, its mean's 0.05025 */
    }
    s = series_of(values, 100);
    near(s.low, 0.5 - 0.0997);
    near(s.high, 0.5 + 0.0997);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_is_its_own_interval),
        cmocka_unit_test(five_values_have_the_interval_of_student),
        cmocka_unit_test(an_even_number_has_its_median_between),
        cmocka_unit_test(many_values_have_a_narrow_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
