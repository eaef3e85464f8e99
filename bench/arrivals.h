/*
 * Arrivals: when the requests of an open loop are due, evenly spaced, whatever the replies do.
 *
 * Pure.  Times are nanoseconds of one monotonic clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arrivals {
    uint64_t begin_ns;
    uint64_t rate; /* a second; at least 1 */
    uint64_t num_taken;
};

/* When the next one is due. */
uint64_t arrivals_next(const struct arrivals *arrivals);

/* Takes the next one if it is due at `now`: true, and when it was due. */
bool arrivals_take(struct arrivals *arrivals, uint64_t now, uint64_t *out_due_ns);
