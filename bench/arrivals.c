/*
 * Arrivals: counted from the beginning, so that no rounding adds up.
 */
#include "bench/arrivals.h"

#define SECOND UINT64_C(1000000000)

uint64_t arrivals_next(const struct arrivals *arrivals)
{
    uint64_t seconds = arrivals->num_taken / arrivals->rate;
    uint64_t rest = arrivals->num_taken % arrivals->rate;

    return arrivals->begin_ns + seconds * SECOND + rest * SECOND / arrivals->rate;
}

bool arrivals_take(struct arrivals *arrivals, uint64_t now, uint64_t *out_due_ns)
{
    uint64_t due = arrivals_next(arrivals);

    if (due > now) {
        return false;
    }
    arrivals->num_taken++;
    *out_due_ns = due;
    return true;
}
