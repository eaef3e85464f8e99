/*
 * Scale: how cost grows: a scenario run again with more open connections and with larger messages.
 *
 * One axis at a time; the other stays as [load] has it.  Workers are the measured program's
 * business: each number of them is a target of its own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/run.h"
#include "bench/scenario.h"
#include "common/compiler.h"

struct err;
struct results;
struct scale; /* opaque: all steps with their results */

#define SCALE_FLAT 1.2 /* what an operation may cost more, at most, to be called flat */
#define SCALE_FLAT_FROM                                                                            \
    10 /* open connections: with fewer, batches are smaller and cost is higher */

/* Nothing has run yet; borrows both.  NULL: ERR_INVALID if [scale] is empty, ERR_LIMIT. */
struct scale *scale_new(const struct scenario *scenario, const char *name, struct err *err);
void scale_free(struct scale *scale); /* accepts NULL */

/* Runs the steps.  Blocks.  Errors as run_scenario(), with the step before them. */
MUST_CHECK int scale_run(struct scale *scale, run_on_progress *on_progress, void *user,
                         struct err *err);

/* Everything as one object; takes `environment`.  NULL: out of memory. */
json_t *scale_json(const struct scale *scale, json_t *environment);

/* A line for each step and target, and for each target whether its cost per operation is flat. */
void scale_print(const struct scale *scale, FILE *out);
