/*
 * Results: what was measured, by target and metric, and how it is written down.
 *
 * Knows nothing of how a value came about.  The form of the JSON is in bench/liftgate-bench.8.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/latency.h"
#include "bench/scenario.h"
#include "common/compiler.h"

struct err;

#define RESULTS_METRICS_MAX 192 /* of a target */
#define RESULTS_NAME_CAP 64

enum results_better { RESULTS_LESS, RESULTS_MORE };

struct results_metric {
    char name[RESULTS_NAME_CAP];
    const char *unit; /* static text */
    enum results_better better;
    double values[SCENARIO_REPETITIONS_MAX]; /* in the order of the repetitions */
    size_t num;
};

struct results_target {
    const struct scenario_target *target; /* borrowed from the scenario */
    bool refuses_strangers;               /* tried, and held */
    struct latency latency;               /* of all repetitions */
    struct results_metric *metrics[RESULTS_METRICS_MAX];
    size_t num_metrics;
};

struct results {
    const struct scenario *scenario; /* borrowed, must outlive the results */
    const char *name;                /* of the scenario; likewise */
    int64_t started;                 /* seconds since 1970 */
    double seconds;                  /* how long it took */
    struct results_target targets[SCENARIO_TARGETS_MAX];
};

struct results *results_new(const struct scenario *scenario, const char *name);
void results_free(struct results *results); /* accepts NULL */

/* One more value of a metric; `unit` is static text.  ERR_LIMIT. */
struct results_value {
    const char *name;   /* "cpu" */
    const char *detail; /* what stands behind a dot, e.g. a process; "" for none */
    const char *unit;
    enum results_better better;
    double value;
};
MUST_CHECK int results_add(struct results_target *target, const struct results_value *value,
                           struct err *err);

/* The metric of that whole name; NULL: none. */
const struct results_metric *results_find(const struct results_target *target, const char *name);

/* Everything as one object, the caller's; takes `environment`.  NULL: out of memory. */
json_t *results_json(const struct results *results, json_t *environment);

/* The same in two parts: the object without its targets (takes `environment`), and their list. */
json_t *results_head_json(const struct results *results, json_t *environment);
json_t *results_targets_json(const struct results *results);

/* Of the medians of all metrics "NAME.*": their sum; 0 if there are none. */
double results_sum(const struct results_target *target, const char *name);

/* The median of a metric; 0 if there is no such. */
double results_median(const struct results_target *target, const char *name);

/* A table for people: a line for each target with its medians. */
void results_print(const struct results *results, FILE *out);
