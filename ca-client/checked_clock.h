/*
 * Checked clock: what time it is at the CA, by the clocks of this machine and what the last
 * enrolment has learnt of them.
 *
 * The host may set the wall clock and stop any of them.  Both are compared with the CA's Date, and
 * the later one counts: a wall clock that is set back lets no certificate live longer, and a pause
 * that CLOCK_BOOTTIME has not seen shows in a wall clock that somebody corrects.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* {0}: the CA's time was never seen, so the wall clock counts as it is. */
struct checked_clock {
    int64_t wall_offset_ms; /* the CA's clock minus the wall clock */
    int64_t boot_offset_ms; /* the CA's clock minus CLOCK_BOOTTIME */
    bool anchored;          /* the second counts too */
};

/* One reading; milliseconds. */
struct clock_reading {
    int64_t wall_ms;
    int64_t boot_ms;
};

struct clock_reading clock_reading_now(void);

/* What is known if the CA's clock was `wall_offset_ms` ahead of the wall clock when it read `at`.
 */
struct checked_clock checked_clock_learn(const struct clock_reading *at, int64_t wall_offset_ms);

/* Milliseconds since 1970, pure and of now. */
int64_t checked_clock_at(const struct checked_clock *clock, const struct clock_reading *at);
int64_t checked_clock_now(const struct checked_clock *clock);

/* The same by the clock that nobody sets alone, which a wall clock that somebody has set right
   after it was learnt does not touch; without it, by the wall clock.  Never later than the above.
 */
int64_t checked_clock_at_least(const struct checked_clock *clock, const struct clock_reading *at);
