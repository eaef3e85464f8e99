/*
 * Pause: the comparison of clocks.
 */
#include "proxy/pause.h"

#define PAUSE_SLEPT_MIN_MS 100    /* two clocks are not read in the same instant */
#define PAUSE_STEPPED_MIN_MS 1000 /* less is the work of a time daemon */

struct pause pause_between(const struct pause_clocks *before, const struct pause_clocks *after,
                           int64_t tick_ms)
{
    int64_t loop_ms = after->loop_ms - before->loop_ms;
    int64_t boot_ms = after->boot_ms - before->boot_ms;
    int64_t slept_ms = boot_ms - loop_ms;
    int64_t stepped_ms = after->wall_ms - before->wall_ms - boot_ms;
    struct pause pause = {0, 0, 0};

    if (loop_ms - tick_ms >= PAUSE_LATE_MS) {
        pause.stalled_ms = loop_ms - tick_ms;
    }
    if (slept_ms >= PAUSE_SLEPT_MIN_MS) {
        pause.slept_ms = slept_ms;
    }
    if (stepped_ms >= PAUSE_STEPPED_MIN_MS || stepped_ms <= -PAUSE_STEPPED_MIN_MS) {
        pause.stepped_ms = stepped_ms;
    }
    return pause;
}

bool pause_is_none(const struct pause *pause)
{
    return pause->stalled_ms == 0 && pause->slept_ms == 0 && pause->stepped_ms == 0;
}

uint64_t pause_postpone(uint64_t since_ms, uint64_t stalled_ms, uint64_t now_ms)
{
    return stalled_ms < now_ms - since_ms ? since_ms + stalled_ms : now_ms;
}
