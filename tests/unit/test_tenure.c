/*
 * Tests of tenure: who is alive, and which are too old.
 */
#include "proxy/tenure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void one_lives_as_long_as_somebody_holds_it(void **state)
{
    struct tenures tenures = {.last = 0};
    struct tenure *first = tenure_new(&tenures);
    struct tenure *second = tenure_new(&tenures);

    assert_int_equal(tenures_count(&tenures), 2);
    assert_true(tenure_number(first) > 0 && tenure_number(second) > tenure_number(first));
    tenure_unref(tenure_ref(first));
    assert_int_equal(tenures_count(&tenures), 2);
    tenure_unref(first);
    assert_int_equal(tenures_count(&tenures), 1);
    tenure_unref(second);
    assert_int_equal(tenures_count(&tenures), 0);
    tenure_unref(NULL);
    tenure_unref(tenure_new(NULL));
}

static void the_oldest_are_those_before_the_newest_few(void **state)
{
    struct tenures tenures = {.last = 0};
    struct tenure *held[TENURES_CAP];
    const size_t num = TENURES_MAX + 3;

    for (size_t i = 0; i < num; i++) {
        held[i] = tenure_new(&tenures);
        assert_int_equal(tenures_oldest_of(&tenures, TENURES_MAX),
                         i < TENURES_MAX ? 0 : tenure_number(held[i + 1 - TENURES_MAX]));
    }
    tenure_unref(held[1]); /* the others keep their order, whatever place is used again */
    held[1] = held[0];
    held[0] = tenure_new(&tenures);
    assert_int_equal(tenures_oldest_of(&tenures, TENURES_MAX),
                     tenure_number(held[num - (TENURES_MAX - 1)]));
    assert_int_equal(tenures_oldest_of(&tenures, num - 1), tenure_number(held[2]));
    assert_int_equal(tenures_oldest_of(&tenures, num), 0);
    for (size_t i = 0; i < num; i++) {
        tenure_unref(held[i]);
    }
}

static void there_are_no_more_than_the_table_holds(void **state)
{
    struct tenures tenures = {.last = 0};
    struct tenure *held[TENURES_CAP];

    for (size_t i = 0; i < TENURES_CAP; i++) {
        held[i] = tenure_new(&tenures);
        assert_non_null(held[i]);
    }
    assert_null(tenure_new(&tenures));
    tenure_unref(held[7]);
    held[7] = tenure_new(&tenures);
    assert_non_null(held[7]);
    for (size_t i = 0; i < TENURES_CAP; i++) {
        tenure_unref(held[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(the_oldest_are_those_before_the_newest_few),
        cmocka_unit_test(there_are_no_more_than_the_table_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
