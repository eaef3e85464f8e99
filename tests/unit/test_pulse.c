/*
 * Tests of pulse: what a thread did with its time.
 */
#include "proxy/pulse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#define SPAN_MS 5000 /* of the loop's clock, which here is a number */
#define BURNT_MS 50

static int64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static void burn(void)
{
    int64_t from_ms = cpu_ms();

    while (cpu_ms() - from_ms < BURNT_MS) {
        /* nothing but this */
    }
}

static void a_thread_is_busy_with_what_it_burns(void **state)
{
    struct pulse pulse = {.cpu_ms = cpu_ms()};
    const uint64_t busy = 1000 * BURNT_MS / SPAN_MS;

    pulse_init(&pulse, 0);
    assert_int_equal(pulse_idle_permille(&pulse), 1000);
    burn();
    pulse_beat(&pulse, SPAN_MS, 0);
    assert_in_range(pulse_idle_permille(&pulse), 0, 1000 - busy);
}

static void but_not_with_waiting_awake(void **state)
{
    struct pulse pulse = {.cpu_ms = cpu_ms()};
    int64_t burnt_ms = cpu_ms();

    pulse_init(&pulse, 0);
    burn();
    burnt_ms = cpu_ms() - burnt_ms;
    pulse_wait_awake(&pulse, (uint64_t)burnt_ms * 600000); /* in two parts */
    pulse_wait_awake(&pulse, (uint64_t)burnt_ms * 600000); /* and, all in all, more than was used */
    pulse_beat(&pulse, SPAN_MS, 0);
    assert_int_equal(pulse_idle_permille(&pulse), 1000);
    burn(); /* what was waited before does not count again */
    pulse_beat(&pulse, 2 * (int64_t)SPAN_MS, 0);
    assert_in_range(pulse_idle_permille(&pulse), 0, 1000 - 1000 * BURNT_MS / SPAN_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_busy_with_what_it_burns),
        cmocka_unit_test(but_not_with_waiting_awake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
