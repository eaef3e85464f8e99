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

/* One figure that both have. */
struct row {
    const char *target;
    const struct recording_metric *from;
    const struct recording_metric *to;
};

struct rows {
    struct row *rows; /* parallel to `changes` */
    struct change *changes;
    size_t num;
};

static bool rows_alloc(struct rows *rows, const struct recording_step *step)
{
    size_t cap = 1;

    for (size_t i = 0; i < step->num_targets; i++) {
        cap += step->targets[i].num_metrics;
    }
    rows->rows = calloc(cap, sizeof(*rows->rows));
    rows->changes = calloc(cap, sizeof(*rows->changes));
    return rows->rows != NULL && rows->changes != NULL;
}

static int add_rows(struct rows *rows, const struct recording_target *from,
                    const struct recording_target *to, struct err *err)
{
    for (size_t i = 0; i < from->num_metrics; i++) {
        const struct recording_metric *metric = &from->metrics[i];
        const struct recording_metric *other = recording_metric(to, metric->name);

        if (other == NULL) {
            continue;
        }
        if (strcmp(metric->unit, other->unit) != 0) {
            return err_set(err, ERR_INVALID, "%s: %s: %s against %s", from->name, metric->name,
                           metric->unit, other->unit);
        }
        rows->rows[rows->num] = (struct row){from->name, metric, other};
        rows->changes[rows->num++] =
            change_of(metric->values, metric->num, other->values, other->num);
    }
    return 0;
}

static void print_row(const struct row *row, const struct change *change, FILE *out)
{
    fprintf(out, "%-16s %-24s %14.2f %14.2f %-4s", row->target, row->from->name, mean(row->from),
            mean(row->to), row->from->unit);
    if (change->known) {
        fprintf(out, " %+8.1f %%  (%+.1f to %+.1f)%s\n", percent(change->ratio),
                percent(change->low), percent(change->high),
                change->significant ? "" : "  not significant");
    } else {
        fprintf(out, "     %s\n",
                row->from->num < 2 || row->to->num < 2 ? "too few values" : "no ratio");
    }
}

/* What only one of the two has: nothing is left out without a word. */
static void print_only(const struct recording_step *one, const struct recording_step *other,
                       const char *which, FILE *out)
{
    for (size_t i = 0; i < one->num_targets; i++) {
        const struct recording_target *target = &one->targets[i];
        const struct recording_target *found = recording_target(other, target->name);

        if (found == NULL) {
            fprintf(out, "%-16s only in %s\n", target->name, which);
        }
        for (size_t j = 0; found != NULL && j < target->num_metrics; j++) {
            if (recording_metric(found, target->metrics[j].name) == NULL) {
                fprintf(out, "%-16s %-24s only in %s\n", target->name, target->metrics[j].name,
                        which);
            }
        }
    }
}

static int print_rows(struct rows *rows, const struct recording_step *from,
                      const struct recording_step *to, FILE *out, struct err *err)
{
    if (!rows_alloc(rows, from)) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < from->num_targets; i++) {
        const struct recording_target *other = recording_target(to, from->targets[i].name);

        if (other != NULL && add_rows(rows, &from->targets[i], other, err) != 0) {
            return -1;
        }
    }
    changes_judge(rows->changes, rows->num);
    fprintf(out, "\n%-16s %-24s %14s %14s %-4s %10s  %s\n", "target", "metric", "a", "b", "",
            "change", "95 %");
    for (size_t i = 0; i < rows->num; i++) {
        print_row(&rows->rows[i], &rows->changes[i], out);
    }
    print_only(from, to, "a", out);
    print_only(to, from, "b", out);
    return 0;
}

int compare_print(const struct recording *from, const struct recording *to, FILE *out,
                  struct err *err)
{
    struct rows rows = {0};
    int rc = 0;

    if (recording_is_scale(from) || recording_is_scale(to)) {
        return err_set(err, ERR_INVALID, "results of scale: only those of run are compared");
    }
    if (check_same(from, to, err) != 0) {
        return -1;
    }
    print_environments(from, to, out);
    rc = print_rows(&rows, &from->steps[0], &to->steps[0], out, err);
    free(rows.rows);
    free(rows.changes);
    return rc;
}
