/*
 * Turn: one repetition on one target, and what it cost the processes of that target.
 *
 * Turns what load, costs and command say into metrics; keeps nothing.
 */
#pragma once

#include <stdint.h>

#include "bench/exchange.h"
#include "bench/results.h"
#include "bench/scenario.h"
#include "common/compiler.h"

struct client;
struct err;

struct turn_options {
    const struct scenario *scenario; /* borrowed, as all pointers here */
    const struct exchange *exchange;
    struct client *client;       /* NULL if no target has TLS */
    const uint64_t *base_memory; /* bytes, of each process of the scenario before the first turn */
};

/* Adds one value to each metric of `target`.  Blocks.  Errors as load_run() and command_run(). */
MUST_CHECK int turn_run(const struct turn_options *options, struct results_target *target,
                        struct err *err);

/* Adds to `target` the system calls of its processes alone, for counting them makes the rest
   dearer. Needs calls_known(). */
MUST_CHECK int turn_count_calls(const struct turn_options *options, struct results_target *target,
                                struct err *err);

/* One request, so that what follows is about the client.  Blocks. */
MUST_CHECK int turn_try(const struct turn_options *options, const struct scenario_target *target,
                        struct err *err);
