/*
 * Tests of the checked clock: which of the two clocks counts after what a host can do to them.
 */
#include "ca-client/checked_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define CA_MS INT64_C(1790000000000) /* the CA's clock when it was learnt */

static void r17_the_later_clock_counts(void **state)
{
    static const struct {
        const char *what;
        int64_t ahead_ms; /* the CA's clock of ours, when it was learnt */
        struct clock_reading gone;
        int64_t expected_ms; /* since then */
        int64_t at_least_ms; /* likewise */
    } rows[] = {
        {"nothing", 0, {0, 0}, 0, 0},
        {"an hour", 0, {HOUR_MS, HOUR_MS}, HOUR_MS, HOUR_MS},
        {"an hour, the clock a day behind", DAY_MS, {HOUR_MS, HOUR_MS}, HOUR_MS, HOUR_MS},
        {"an hour, the clock a day ahead", -DAY_MS, {HOUR_MS, HOUR_MS}, HOUR_MS, HOUR_MS},
        {"set back", 0, {HOUR_MS - DAY_MS, HOUR_MS}, HOUR_MS, HOUR_MS},
        {"set forward", 0, {HOUR_MS + DAY_MS, HOUR_MS}, HOUR_MS + DAY_MS, HOUR_MS},
        {"ahead, and set right", -DAY_MS, {HOUR_MS - DAY_MS, HOUR_MS}, HOUR_MS, HOUR_MS},
        {"behind, and set right", DAY_MS, {HOUR_MS + DAY_MS, HOUR_MS}, HOUR_MS + DAY_MS, HOUR_MS},
        {"suspended", 0, {2 * HOUR_MS, 2 * HOUR_MS}, 2 * HOUR_MS, 2 * HOUR_MS},
        {"suspended, and nobody told the wall clock",
         0,
         {0, 2 * HOUR_MS},
         2 * HOUR_MS,
         2 * HOUR_MS},
        {"paused by the host, and the wall clock corrected", 0, {2 * HOUR_MS, 0}, 2 * HOUR_MS, 0},
    };
    const struct clock_reading at = {CA_MS - 7, 9000};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct clock_reading learnt = {at.wall_ms - rows[i].ahead_ms, at.boot_ms};
        const struct clock_reading now = {learnt.wall_ms + rows[i].gone.wall_ms,
                                          learnt.boot_ms + rows[i].gone.boot_ms};
        struct checked_clock clock = checked_clock_learn(&learnt, rows[i].ahead_ms + 7);

        print_message("  %s\n", rows[i].what);
        assert_int_equal(checked_clock_at(&clock, &now), CA_MS + rows[i].expected_ms);
        assert_int_equal(checked_clock_at_least(&clock, &now), CA_MS + rows[i].at_least_ms);
    }
}

static void without_the_ca_the_wall_clock_counts(void **state)
{
    const struct checked_clock clock = {0};
    const struct clock_reading now = {CA_MS, 2 * CA_MS};

    assert_int_equal(checked_clock_at(&clock, &now), CA_MS);
    assert_int_equal(checked_clock_at_least(&clock, &now), CA_MS);
}

static void now_is_by_the_clocks_of_this_machine(void **state)
{
    const struct checked_clock clock = {.wall_offset_ms = DAY_MS};
    struct clock_reading before = clock_reading_now();
    int64_t now_ms = checked_clock_now(&clock);

    assert_true(now_ms >= before.wall_ms + DAY_MS);
    assert_true(now_ms <= clock_reading_now().wall_ms + DAY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r17_the_later_clock_counts),
        cmocka_unit_test(without_the_ca_the_wall_clock_counts),
        cmocka_unit_test(now_is_by_the_clocks_of_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
