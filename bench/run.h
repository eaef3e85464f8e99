/*
 * Run: a whole scenario: strangers first, then the turns, interleaved.
 */
#pragma once

#include <stddef.h>

#include "common/compiler.h"

struct err;
struct results;
struct scenario;

/* Called before each turn; what a terminal shows. */
typedef void run_on_progress(void *user, const char *target, size_t turn, size_t num_turns);

struct run_options {
    const struct scenario *scenario; /* borrowed */
    run_on_progress *on_progress;
    void *user;
};

/* Fills `results`, which are for the same scenario.  Blocks.  The errors name the target.
   ERR_DENIED also where a target accepts a stranger. */
MUST_CHECK int run_scenario(const struct run_options *options, struct results *results,
                            struct err *err);
