/*
 * Checked clock: the later of two.
 */
#include "ca-client/checked_clock.h"

#include <time.h>

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct clock_reading clock_reading_now(void)
{
    return (struct clock_reading){clock_ms(CLOCK_REALTIME), clock_ms(CLOCK_BOOTTIME)};
}

struct checked_clock checked_clock_learn(const struct clock_reading *at, int64_t wall_offset_ms)
{
    return (struct checked_clock){
        .wall_offset_ms = wall_offset_ms,
        .boot_offset_ms = at->wall_ms + wall_offset_ms - at->boot_ms,
        .anchored = true,
    };
}

int64_t checked_clock_at(const struct checked_clock *clock, const struct clock_reading *at)
{
    int64_t by_wall_ms = at->wall_ms + clock->wall_offset_ms;
    int64_t by_boot_ms = at->boot_ms + clock->boot_offset_ms;

    return clock->anchored && by_boot_ms > by_wall_ms ? by_boot_ms : by_wall_ms;
}

int64_t checked_clock_at_least(const struct checked_clock *clock, const struct clock_reading *at)
{
    return clock->anchored ? at->boot_ms + clock->boot_offset_ms
                           : at->wall_ms + clock->wall_offset_ms;
}

int64_t checked_clock_now(const struct checked_clock *clock)
{
    struct clock_reading now = clock_reading_now();

    return checked_clock_at(clock, &now);
}
