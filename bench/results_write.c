/*
 * Results: as JSON for programs, as a table for people.
 */
#include <string.h>
#include <time.h>

#include "bench/results.h"
#include "bench/series.h"
#include "config/settings_value.h"

#define FORMAT 1

static struct series series(const struct results_metric *metric)
{
    double sorted[SCENARIO_REPETITIONS_MAX];

    memcpy(sorted, metric->values, metric->num * sizeof(sorted[0]));
    return series_of(sorted, metric->num);
}

static json_t *metric_json(const struct results_metric *metric)
{
    const struct series s = series(metric);
    json_t *values = json_array();

    for (size_t i = 0; i < metric->num; i++) {
        json_array_append_new(values, json_real(metric->values[i]));
    }
    return json_pack("{s:s, s:s, s:o, s:f, s:f, s:f, s:f, s:f, s:f}", "unit", metric->unit,
                     "better", metric->better == RESULTS_MORE ? "more" : "less", "values", values,
                     "median", s.median, "mean", s.mean, "least", s.least, "most", s.most, "low",
                     s.low, "high", s.high);
}

/* Percentiles, closer together towards the end, where a curve bends. */
static json_t *curve_json(const struct latency *latency)
{
    static const unsigned permilles[] = {1,   10,  50,  100, 200, 300, 400, 500, 600, 700, 750,
                                         800, 850, 900, 925, 950, 975, 980, 990, 995, 999, 1000};
    json_t *curve = json_array();

    for (size_t i = 0; latency->count > 0 && i < sizeof(permilles) / sizeof(permilles[0]); i++) {
        json_array_append_new(curve,
                              json_pack("[f, f]", permilles[i] / 10.0,
                                        (double)latency_percentile(latency, permilles[i]) / 1e3));
    }
    return curve;
}

static json_t *target_json(const struct results_target *target)
{
    json_t *metrics = json_object();

    for (size_t i = 0; i < target->num_metrics; i++) {
        json_object_set_new(metrics, target->metrics[i]->name, metric_json(target->metrics[i]));
    }
    return json_pack("{s:s, s:b, s:s, s:o, s:o}", "name", target->target->name, "tls",
                     (int)target->target->tls, "stranger",
                     target->refuses_strangers ? "refused" : "not tried", "metrics", metrics,
                     "curve", curve_json(&target->latency));
}

/* Every key of [load], as it would stand in the file. */
static json_t *scenario_json(const struct results *results)
{
    const struct settings_table *table = scenario_table();
    const uint8_t *load = (const uint8_t *)&results->scenario->load;
    json_t *object = json_pack("{s:s}", "name", results->name);

    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        char text[SETTINGS_VALUE_CAP];

        if (strcmp(row->section, "load") == 0 &&
            settings_value_count(row, load + row->offset) > 0) {
            settings_value_write(row, load + row->offset, 0, text);
            json_object_set_new(object, row->key, json_string(text));
        }
    }
    return object;
}

json_t *results_head_json(const struct results *results, json_t *environment)
{
    char started[32] = "";
    time_t when = (time_t)results->started;
    struct tm utc;

    if (gmtime_r(&when, &utc) != NULL) {
        (void)strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:f, s:o, s:o}", "format", FORMAT, "program",
                     "liftgate-bench", "version", LIFTGATE_VERSION, "started", started, "seconds",
                     results->seconds, "scenario", scenario_json(results), "environment",
                     environment);
}

json_t *results_targets_json(const struct results *results)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < results->scenario->num_targets; i++) {
        json_array_append_new(targets, target_json(&results->targets[i]));
    }
    return targets;
}

json_t *results_json(const struct results *results, json_t *environment)
{
    json_t *json = results_head_json(results, environment);

    json_object_set_new(json, "targets", results_targets_json(results));
    return json;
}

double results_sum(const struct results_target *target, const char *name)
{
    size_t len = strlen(name);
    double sum = 0;

    for (size_t i = 0; i < target->num_metrics; i++) {
        const char *whole = target->metrics[i]->name;

        if (strncmp(whole, name, len) == 0 && whole[len] == '.') {
            sum += series(target->metrics[i]).median;
        }
    }
    return sum;
}

double results_median(const struct results_target *target, const char *name)
{
    const struct results_metric *metric = results_find(target, name);

    return metric != NULL ? series(metric).median : 0;
}

/* A column is shown if any target has its metric. */
static bool is_shown(const struct results *results, const char *name)
{
    for (size_t i = 0; i < results->scenario->num_targets; i++) {
        if (results_find(&results->targets[i], name) != NULL) {
            return true;
        }
    }
    return false;
}

static void print_cell(const struct results_target *target, const char *name, FILE *out)
{
    if (results_find(target, name) == NULL) {
        fprintf(out, " %12s", "-");
    } else {
        fprintf(out, " %12.*f", strcmp(name, "operations") == 0 ? 0 : 1,
                results_median(target, name));
    }
}

/* One line for each metric of a process or a test, since they differ from target to target. */
static void print_details(const struct results_target *target, FILE *out)
{
    for (size_t i = 0; i < target->num_metrics; i++) {
        const struct results_metric *metric = target->metrics[i];
        const struct series s = series(metric);

        if (strchr(metric->name, '.') != NULL || strcmp(metric->name, "packets") == 0 ||
            strcmp(metric->name, "throughput") == 0) {
            fprintf(out, "%-16s %-28s %14.2f %-5s %12.2f to %.2f\n", target->target->name,
                    metric->name, s.median, metric->unit, s.low, s.high);
        }
    }
}

void results_print(const struct results *results, FILE *out)
{
    static const struct {
        const char *metric;
        const char *title;
    } columns[] = {{"operations", "ops/s"}, {"mean", "mean us"}, {"p50", "p50 us"},
                   {"p90", "p90 us"},       {"p99", "p99 us"},   {"p999", "p99.9 us"},
                   {"max", "max us"}};
    const size_t num_columns = sizeof(columns) / sizeof(columns[0]);

    fprintf(out, "%-16s", "target");
    for (size_t i = 0; i < num_columns; i++) {
        if (is_shown(results, columns[i].metric)) {
            fprintf(out, " %12s", columns[i].title);
        }
    }
    fputc('\n', out);
    for (size_t i = 0; i < results->scenario->num_targets; i++) {
        fprintf(out, "%-16s", results->targets[i].target->name);
        for (size_t j = 0; j < num_columns; j++) {
            if (is_shown(results, columns[j].metric)) {
                print_cell(&results->targets[i], columns[j].metric, out);
            }
        }
        fputc('\n', out);
    }
    fprintf(out, "\n%-16s %-28s %14s %-5s %12s\n", "target", "per operation", "median", "", "95 %");
    for (size_t i = 0; i < results->scenario->num_targets; i++) {
        print_details(&results->targets[i], out);
    }
}
