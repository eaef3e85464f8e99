/*
 * Pause: what the clocks say about the time between two ticks: whether this process, or the whole
 * machine, stood still, and whether somebody moved the wall clock.  Pure: readings in, verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAUSE_LATE_MS 5000 /* a tick so late was not merely busy */

/* One reading; milliseconds. */
struct pause_clocks {
    int64_t loop_ms; /* CLOCK_MONOTONIC, as the event loop has it */
    int64_t boot_ms; /* CLOCK_BOOTTIME: goes on while the machine sleeps */
    int64_t wall_ms; /* CLOCK_REALTIME, which the host or an operator may set */
};

/* All 0 if time went by as it should. */
struct pause {
    int64_t stalled_ms; /* how late the tick was: deadlines of the loop's clock move by so much */
    int64_t slept_ms;   /* which the loop's clock has not seen */
    int64_t stepped_ms; /* how far the wall clock was set, forward or (negative) back */
};

/* The loop meant to read again `tick_ms` after `before`. */
struct pause pause_between(const struct pause_clocks *before, const struct pause_clocks *after,
                           int64_t tick_ms);

bool pause_is_none(const struct pause *pause);

/* When a clock that began at `since_ms` is to have begun, after a stall that was over by `now_ms`:
   never later than now, whatever part of the stall it saw. */
uint64_t pause_postpone(uint64_t since_ms, uint64_t stalled_ms, uint64_t now_ms);
