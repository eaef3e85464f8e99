/*
 * Student: against the printed tables, and between their lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "bench/student.h"

static void quantiles_are_those_of_the_tables(void **state)
{
    static const struct {
        double freedom;
        double within;
    } rows[] = {{1, 12.7062}, {2, 4.3027},  {3, 3.1824},   {4, 2.7764},
                {8, 2.3060},  {30, 2.0423}, {120, 1.9799}, {1e6, 1.9600}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(fabs(student_within(rows[i].freedom) - rows[i].within) < 1e-4);
    }
}

/* With 1 and 2 degrees of freedom there are closed forms. */
static void chances_are_those_of_the_closed_forms(void **state)
{
    static const double values[] = {0, 0.001, 0.5, 1, 3, -3, 40, 1e5};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        double t = fabs(values[i]);
        double one = 1 - 2 * atan(t) / acos(-1);
        double two = 1 - t / sqrt(2 + t * t);

        assert_true(fabs(student_beyond(values[i], 1) - one) < 1e-9);
        assert_true(fabs(student_beyond(values[i], 2) - two) < 1e-9);
    }
    assert_true(student_beyond(3, 1.5) < student_beyond(3, 1));
    assert_true(student_beyond(3, 1.5) > student_beyond(3, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_the_tables),
        cmocka_unit_test(chances_are_those_of_the_closed_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
