/*
 * Compare: the table.
 */
#include "bench/compare.h"

#include <stdlib.h>
#include <string.h>

#include "bench/change.h"
#include "common/err.h"

/* The first key of one object that the other has with another value or not at all; NULL: none. */
static const char *difference(json_t *one, const json_t *other)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(one, key, value)
    {
        if (!json_equal(value, json_object_get(other, key))) {
            return key;
        }
    }
    return NULL;
}

static int check_same(const struct recording *from, const struct recording *to, struct err *err)
{
    const char *key = difference(from->scenario, to->scenario);

    if (key == NULL) {
        key = difference(to->scenario, from->scenario);
    }
    return key == NULL ? 0
                       : err_set(err, ERR_INVALID, "not the same scenario: they differ in %s", key);
}

static void print_value(const char *which, const json_t *value, FILE *out)
{
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    fprintf(out, "  %s %s\n", which, text != NULL ? text : "-");
    free(text);
}

static void print_key(const char *key, const struct recording *from, const struct recording *to,
                      FILE *out)
{
    fprintf(out, "%s\n", key);
    print_value("a", json_object_get(from->environment, key), out);
    print_value("b", json_object_get(to->environment, key), out);
}

static void print_environments(const struct recording *from, const struct recording *to, FILE *out)
{
    const char *key = NULL;
    json_t *value = NULL;

    fprintf(out, "scenario %s: a of %s, b of %s\n", from->name, from->started, to->started);
    json_object_foreach(from->environment, key, value)
    {
        if (!json_equal(value, json_object_get(to->environment, key))) {
            print_key(key, from, to, out);
        }
    }
    json_object_foreach(to->environment, key, value)
    {
        if (json_object_get(from->environment, key) == NULL) {
            print_key(key, from, to, out);
        }
    }
}

static double mean(const struct recording_metric *metric)
{
    double sum = 0;

    for (size_t i = 0; i < metric->num; i++) {
        sum += metric->values[i];
    }
    return sum / (double)metric->num;
}

static double percent(double ratio)
{
    return (ratio - 1) * 100;
}

static void print_metric(const char *target, const struct recording_metric *from,
                         const struct recording_metric *to, FILE *out)
{
    struct change change = change_of(from->values, from->num, to->values, to->num);

    fprintf(out, "%-16s %-24s %14.2f %14.2f %-4s", target, from->name, mean(from), mean(to),
            from->unit);
    if (!change.known) {
        fputs("     too few values\n", out);
    } else {
        fprintf(out, " %+8.1f %%  (%+.1f to %+.1f)%s\n", percent(change.ratio), percent(change.low),
                percent(change.high), change.significant ? "" : "  not significant");
    }
}

int compare_print(const struct recording *from, const struct recording *to, FILE *out,
                  struct err *err)
{
    if (recording_is_scale(from) || recording_is_scale(to)) {
        return err_set(err, ERR_INVALID, "results of scale: only those of run are compared");
    }
    if (check_same(from, to, err) != 0) {
        return -1;
    }
    print_environments(from, to, out);
    fprintf(out, "\n%-16s %-24s %14s %14s %-4s %10s  %s\n", "target", "metric", "a", "b", "",
            "change", "95 %");
    for (size_t i = 0; i < from->steps[0].num_targets; i++) {
        const struct recording_target *target = &from->steps[0].targets[i];
        const struct recording_target *other = recording_target(&to->steps[0], target->name);

        for (size_t j = 0; other != NULL && j < target->num_metrics; j++) {
            const struct recording_metric *metric =
                recording_metric(other, target->metrics[j].name);

            if (metric != NULL) {
                print_metric(target->name, &target->metrics[j], metric, out);
            }
        }
    }
    return 0;
}
