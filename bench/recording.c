/*
 * Recording: from JSON to arrays, with every bound checked.
 */
#include "bench/recording.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/file.h"

#define FORMAT 1

/* Names end up in tables, pages and scripts of a plotter, times on a terminal: nothing there may
   need quoting. */
static bool is_plain(const json_t *text)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/%:";
    const char *name = json_string_value(text);

    return name != NULL && strspn(name, letters) == json_string_length(text);
}

static bool is_name(const json_t *text)
{
    return is_plain(text) && json_string_length(text) > 0;
}

static int read_values(struct recording_metric *metric, const json_t *values, struct err *err)
{
    size_t num = json_array_size(values);

    if (num < 1 || num > RECORDING_VALUES_MAX) {
        return err_set(err, ERR_INVALID, "%s: need 1 to %d values", metric->name,
                       RECORDING_VALUES_MAX);
    }
    metric->values = calloc(num, sizeof(*metric->values));
    if (metric->values == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < num; i++) {
        const json_t *value = json_array_get(values, i);

        if (!json_is_number(value) || !isfinite(json_number_value(value))) {
            return err_set(err, ERR_INVALID, "%s: need numbers", metric->name);
        }
        metric->values[i] = json_number_value(value);
    }
    metric->num = num;
    return 0;
}

static int read_metrics(struct recording_target *target, json_t *metrics, struct err *err)
{
    size_t num = json_object_size(metrics);
    const char *name = NULL;
    json_t *object = NULL;

    if (!json_is_object(metrics) || num > RECORDING_METRICS_MAX) {
        return err_set(err, ERR_INVALID, "metrics: need an object of at most %d",
                       RECORDING_METRICS_MAX);
    }
    target->metrics = calloc(num > 0 ? num : 1, sizeof(*target->metrics));
    if (target->metrics == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    json_object_foreach(metrics, name, object)
    {
        struct recording_metric *metric = &target->metrics[target->num_metrics];
        json_t *named = json_string(name);
        bool sound = is_name(named) && is_plain(json_object_get(object, "unit"));

        json_decref(named);
        if (!sound) {
            return err_set(err, ERR_INVALID, "metrics: a name or unit of other letters");
        }
        metric->name = name;
        metric->unit = json_string_value(json_object_get(object, "unit"));
        target->num_metrics++;
        if (read_values(metric, json_object_get(object, "values"), err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_curve(struct recording_target *target, const json_t *curve, struct err *err)
{
    size_t num = json_array_size(curve); /* 0 if there is none */

    if (num > RECORDING_CURVE_MAX) {
        return err_set(err, ERR_INVALID, "curve: more than %d points", RECORDING_CURVE_MAX);
    }
    for (size_t i = 0; i < num; i++) {
        const json_t *pair = json_array_get(curve, i);
        const json_t *percentile = json_array_get(pair, 0);
        const json_t *us = json_array_get(pair, 1);

        if (!json_is_number(percentile) || !json_is_number(us) ||
            !isfinite(json_number_value(percentile)) || !isfinite(json_number_value(us))) {
            return err_set(err, ERR_INVALID, "curve: need pairs of numbers");
        }
        target->curve[i] =
            (struct recording_point){json_number_value(percentile), json_number_value(us)};
    }
    target->num_points = num;
    return 0;
}

static int read_targets(struct recording_step *step, const json_t *targets, struct err *err)
{
    size_t num = json_array_size(targets);

    if (num < 1 || num > RECORDING_TARGETS_MAX) {
        return err_set(err, ERR_INVALID, "targets: need 1 to %d", RECORDING_TARGETS_MAX);
    }
    for (size_t i = 0; i < num; i++) {
        const json_t *object = json_array_get(targets, i);
        struct recording_target *target = &step->targets[i];

        if (!is_name(json_object_get(object, "name"))) {
            return err_set(err, ERR_INVALID, "targets: no name, or one of other letters");
        }
        target->name = json_string_value(json_object_get(object, "name"));
        if (recording_target(step, target->name) != NULL) {
            return err_set(err, ERR_INVALID, "%s: twice", target->name);
        }
        step->num_targets++;
        if (read_metrics(target, json_object_get(object, "metrics"), err) != 0 ||
            read_curve(target, json_object_get(object, "curve"), err) != 0) {
            return err_wrap(err, "%s", target->name);
        }
    }
    return 0;
}

/* What scale writes has steps, each with its targets; what run writes has targets alone. */
static int read_steps(struct recording *recording, struct err *err)
{
    const json_t *steps = json_object_get(recording->root, "steps");
    size_t num = steps != NULL ? json_array_size(steps) : 1;

    if (num < 1 || num > RECORDING_STEPS_MAX) {
        return err_set(err, ERR_INVALID, "steps: need 1 to %d", RECORDING_STEPS_MAX);
    }
    recording->steps = calloc(num, sizeof(*recording->steps));
    if (recording->steps == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < num; i++) {
        const json_t *object = steps != NULL ? json_array_get(steps, i) : recording->root;
        struct recording_step *step = &recording->steps[i];

        recording->num_steps++;
        if (steps != NULL) {
            if (!is_name(json_object_get(object, "axis"))) {
                return err_set(err, ERR_INVALID, "steps: no axis, or one of other letters");
            }
            step->axis = json_string_value(json_object_get(object, "axis"));
            step->value = json_number_value(json_object_get(object, "value"));
        }
        if (read_targets(step, json_object_get(object, "targets"), err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_root(struct recording *recording, struct err *err)
{
    const json_t *root = recording->root;

    recording->scenario = json_object_get(root, "scenario");
    recording->environment = json_object_get(root, "environment");
    recording->started = json_string_value(json_object_get(root, "started"));
    if (json_integer_value(json_object_get(root, "format")) != FORMAT) {
        return err_set(err, ERR_INVALID, "format: need %d", FORMAT);
    }
    if (!is_name(json_object_get(recording->scenario, "name")) ||
        !json_is_object(recording->environment) || !is_plain(json_object_get(root, "started"))) {
        return err_set(err, ERR_INVALID, "no results of liftgate-bench");
    }
    recording->name = json_string_value(json_object_get(recording->scenario, "name"));
    return read_steps(recording, err);
}

struct recording *recording_parse(const char *name, const char *text, size_t len, struct err *err)
{
    struct recording *recording = calloc(1, sizeof(*recording));
    json_error_t why;

    if (recording == NULL) {
        err_set(err, ERR_LIMIT, "%s: out of memory", name);
        return NULL;
    }
    recording->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (recording->root == NULL) {
        err_set(err, ERR_INVALID, "%s:%d: %s", name, why.line, why.text);
    } else if (read_root(recording, err) != 0) {
        err_wrap(err, "%s", name);
    } else {
        return recording;
    }
    recording_free(recording);
    return NULL;
}

struct recording *recording_load(const char *path, struct err *err)
{
    struct recording *recording = NULL;
    uint8_t *text = NULL;
    size_t len = 0;

    if (file_read(path, RECORDING_FILE_MAX, &text, &len, err) != 0) {
        return NULL;
    }
    recording = recording_parse(path, (const char *)text, len, err);
    free(text);
    return recording;
}

static void free_metrics(struct recording_target *target)
{
    for (size_t i = 0; i < target->num_metrics; i++) {
        free(target->metrics[i].values);
    }
    free(target->metrics);
}

void recording_free(struct recording *recording)
{
    if (recording == NULL) {
        return;
    }
    for (size_t i = 0; i < recording->num_steps; i++) {
        for (size_t j = 0; j < recording->steps[i].num_targets; j++) {
            free_metrics(&recording->steps[i].targets[j]);
        }
    }
    free(recording->steps);
    json_decref(recording->root);
    free(recording);
}

bool recording_is_scale(const struct recording *recording)
{
    return recording->steps[0].axis != NULL;
}

const struct recording_target *recording_target(const struct recording_step *step, const char *name)
{
    for (size_t i = 0; i < step->num_targets; i++) {
        if (strcmp(step->targets[i].name, name) == 0) {
            return &step->targets[i];
        }
    }
    return NULL;
}

const struct recording_metric *recording_metric(const struct recording_target *target,
                                                const char *name)
{
    for (size_t i = 0; i < target->num_metrics; i++) {
        if (strcmp(target->metrics[i].name, name) == 0) {
            return &target->metrics[i];
        }
    }
    return NULL;
}
