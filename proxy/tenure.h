/*
 * Tenure: the time in which one identity is ours, and the connections whose TLS contexts are of
 * that time.
 *
 * Contexts are what weighs: a connection keeps that of its handshake, with the certificate and the
 * key of then, to its end.  Here is counted how many identities are kept so; what is to happen when
 * there are too many is control.h's.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TENURES_MAX 8  /* live ones; connections of older ones drain */
#define TENURES_CUT 16 /* connections of older ones end at once */
#define TENURES_CAP 32 /* no further identity can be used */

struct tenure; /* opaque */

/* Those that somebody holds.  All zero is none; new ones come from one thread. */
struct tenures {
    _Atomic uint64_t live[TENURES_CAP]; /* numbers; 0: free */
    uint64_t last;
};

/* The next one, counted in `tenures` (borrowed, must outlive it; NULL: not counted) until the last
   reference is gone.  NULL: out of memory, or TENURES_CAP are live. */
struct tenure *tenure_new(struct tenures *tenures);
struct tenure *tenure_ref(struct tenure *tenure);
void tenure_unref(struct tenure *tenure); /* accepts NULL; from any thread */

/* Later ones have higher numbers. */
uint64_t tenure_number(const struct tenure *tenure);

size_t tenures_count(const struct tenures *tenures);

/* The number of the oldest among the `max` newest live ones; 0: there are no more than `max`. */
uint64_t tenures_oldest_of(const struct tenures *tenures, size_t max);
