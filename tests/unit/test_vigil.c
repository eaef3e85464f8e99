/*
 * Tests of vigil: it stays awake while that pays, and tries again now and then.
 */
#include "proxy/vigil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* So many times nothing to do; each `period`th time something comes soon.  How many vigils. */
static unsigned wait_often(struct vigil *vigil, enum vigil_for what, unsigned times,
                           unsigned period)
{
    unsigned num = 0;

    for (unsigned i = 0; i < times; i++) {
        if (vigil_begin(vigil, what)) {
            num++;
            vigil_end(vigil, what, period > 0 && i % period == 0);
        }
    }
    return num;
}

static void it_stays_awake_as_often_as_that_pays(void **state)
{
    static const struct {
        const char *what;
        unsigned period;
        unsigned least; /* of 1000 */
        unsigned most;
    } rows[] = {
        {"something comes each time", 1, 990, 1000},
        {"every other time is not enough", 2, 0, 700},
        {"seldom", 10, 10, 40},
        {"never", 0, 15, 24},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vigil vigil = {0};
        unsigned num = 0;

        print_message("  %s\n", rows[i].what);
        (void)wait_often(&vigil, VIGIL_FOR_APPS, 1000, 1); /* after better times */
        num = wait_often(&vigil, VIGIL_FOR_APPS, 1000, rows[i].period);
        print_message("  %u\n", num);
        assert_in_range(num, rows[i].least, rows[i].most);
    }
}

static void it_learns_from_samples(void **state)
{
    struct vigil vigil = {0};

    assert_in_range(wait_often(&vigil, VIGIL_FOR_APPS, 1000, 1), 500, 700);
    assert_int_equal(wait_often(&vigil, VIGIL_FOR_APPS, 1000, 1), 1000);
}

static void what_it_waits_for_is_told_apart(void **state)
{
    struct vigil vigil = {0};

    (void)wait_often(&vigil, VIGIL_FOR_APPS, 1000, 1);
    assert_in_range(wait_often(&vigil, VIGIL_FOR_PEERS, 1000, 0), 15, 16);
    assert_int_equal(wait_often(&vigil, VIGIL_FOR_APPS, 1000, 1), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_awake_as_often_as_that_pays),
        cmocka_unit_test(it_learns_from_samples),
        cmocka_unit_test(what_it_waits_for_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
