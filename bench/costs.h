/*
 * Costs: what the processes of one path have paid from one moment to another, each operation of it.
 *
 * Turns what usage and calls say into metrics of results; knows nothing of how the load is made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/results.h"
#include "bench/scenario.h"
#include "common/compiler.h"

struct costs;
struct err;

struct costs_options {
    const struct scenario *scenario; /* borrowed, as all pointers here */
    const struct scenario_target *target;
    const uint64_t *base_memory; /* bytes, of each process of the scenario before the first turn */
    bool counts_calls;           /* and nothing else: it makes the rest dearer */
};

/* The caller's.  NULL: ERR_IO (no such process), ERR_LIMIT. */
struct costs *costs_new(const struct costs_options *options, struct err *err);
void costs_free(struct costs *costs); /* accepts NULL */

/* The two moments.  The errors name the process. */
MUST_CHECK int costs_begin(struct costs *costs, struct err *err);
MUST_CHECK int costs_end(struct costs *costs, struct err *err);

/* The moment at which idle connections are held. */
MUST_CHECK int costs_sample_memory(struct costs *costs, struct err *err);

/* One value of each metric of each process; what cannot be known is left out. */
MUST_CHECK int costs_add(const struct costs *costs, uint64_t operations,
                         struct results_target *target, struct err *err);

/* The same for the memory that `idle` connections take. */
MUST_CHECK int costs_add_memory(const struct costs *costs, uint64_t idle,
                                struct results_target *target, struct err *err);
