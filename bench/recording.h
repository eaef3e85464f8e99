/*
 * Recording: a results file of liftgate-bench run or scale, read back.
 *
 * The form is checked whole when it is read, so that what uses a recording need not check again.
 * Says nothing about what the numbers mean.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/compiler.h"

struct err;

#define RECORDING_FILE_MAX (16 * 1024 * 1024) /* bytes */
#define RECORDING_TARGETS_MAX 16
#define RECORDING_METRICS_MAX 192 /* of a target */
#define RECORDING_VALUES_MAX 1000 /* of a metric */
#define RECORDING_CURVE_MAX 64
#define RECORDING_STEPS_MAX 64

struct recording_metric {
    const char *name;
    const char *unit;
    double *values; /* one for each repetition */
    size_t num;     /* at least 1 */
};

struct recording_point {
    double percentile; /* 0 to 100 */
    double us;
};

struct recording_target {
    const char *name;
    struct recording_metric *metrics;
    size_t num_metrics;
    struct recording_point curve[RECORDING_CURVE_MAX];
    size_t num_points;
};

struct recording_step { /* one run */
    const char *axis;   /* what was changed; NULL: nothing, it is the only step */
    double value;       /* to what */
    struct recording_target targets[RECORDING_TARGETS_MAX];
    size_t num_targets; /* at least 1 */
};

/* Texts belong to the recording. */
struct recording {
    json_t *root;        /* of the whole file */
    const char *name;    /* of the scenario */
    const char *started; /* RFC 3339 */
    json_t *scenario;    /* an object; borrowed from `root` */
    json_t *environment; /* likewise */
    struct recording_step *steps;
    size_t num_steps; /* at least 1 */
};

/* Reads a file.  NULL: ERR_IO, or ERR_INVALID with "PATH: what: why".  Blocks. */
struct recording *recording_load(const char *path, struct err *err);

/* As recording_load(), from memory; `name` stands for the file in messages. */
struct recording *recording_parse(const char *name, const char *text, size_t len, struct err *err);
void recording_free(struct recording *recording); /* accepts NULL */

/* Whether it is of liftgate-bench scale. */
bool recording_is_scale(const struct recording *recording);

/* NULL: none of that name. */
const struct recording_target *recording_target(const struct recording_step *step,
                                                const char *name);
const struct recording_metric *recording_metric(const struct recording_target *target,
                                                const char *name);
