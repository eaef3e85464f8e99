/*
 * Tests of pause: what each clock says alone, and what is no pause.
 */
#include "proxy/pause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TICK_MS 100
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static void r17_clocks_tell_a_pause_from_a_busy_moment(void **state)
{
    static const struct {
        const char *what;
        struct pause_clocks gone; /* between the readings */
        struct pause expected;
    } rows[] = {
        {"as planned", {100, 100, 100}, {0, 0, 0}},
        {"busy", {2000, 2000, 2000}, {0, 0, 0}},
        {"just not late enough", {5099, 5099, 5099}, {0, 0, 0}},
        {"late enough", {5100, 5100, 5100}, {5000, 0, 0}},
        {"stopped", {30000, 30000, 30000}, {29900, 0, 0}},
        {"clocks read one after the other", {100, 101, 102}, {0, 0, 0}},
        {"suspended", {100, 100 + 2 * HOUR_MS, 100 + 2 * HOUR_MS}, {0, 2 * HOUR_MS, 0}},
        {"suspended, and nobody told the wall clock",
         {100, 100 + HOUR_MS, 100},
         {0, HOUR_MS, -HOUR_MS}},
        {"paused by the host, with clocks that ran on",
         {2 * HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS},
         {2 * HOUR_MS - 100, 0, 0}},
        {"paused by the host, with clocks that stood",
         {100, 100, 100 + 2 * HOUR_MS},
         {0, 0, 2 * HOUR_MS}},
        {"set forward", {100, 100, 100 + DAY_MS}, {0, 0, DAY_MS}},
        {"set back", {100, 100, 100 - DAY_MS}, {0, 0, -DAY_MS}},
        {"slewed by a time daemon", {100, 100, 150}, {0, 0, 0}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pause_clocks before = {7000, 9000, 1790000000000};
        const struct pause_clocks after = {before.loop_ms + rows[i].gone.loop_ms,
                                           before.boot_ms + rows[i].gone.boot_ms,
                                           before.wall_ms + rows[i].gone.wall_ms};
        struct pause pause = pause_between(&before, &after, TICK_MS);
        const struct pause *expected = &rows[i].expected;

        print_message("  %s\n", rows[i].what);
        assert_int_equal(pause.stalled_ms, expected->stalled_ms);
        assert_int_equal(pause.slept_ms, expected->slept_ms);
        assert_int_equal(pause.stepped_ms, expected->stepped_ms);
        assert_int_equal(pause_is_none(&pause), pause_is_none(expected));
    }
}

static void r17_a_clock_is_put_off_by_the_pause_but_not_into_the_future(void **state)
{
    assert_int_equal(pause_postpone(1000, 0, 9000), 1000);
    assert_int_equal(pause_postpone(1000, 6000, 9000), 7000);
    assert_int_equal(pause_postpone(8000, 6000, 9000), 9000); /* it began in the pause */
    assert_int_equal(pause_postpone(9000, 6000, 9000), 9000); /* or right after it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r17_clocks_tell_a_pause_from_a_busy_moment),
        cmocka_unit_test(r17_a_clock_is_put_off_by_the_pause_but_not_into_the_future),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
