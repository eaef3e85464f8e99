/*
 * Results: kept by target and metric.
 */
#include "bench/results.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

struct results *results_new(const struct scenario *scenario, const char *name)
{
    struct results *results = calloc(1, sizeof(*results));

    if (results == NULL) {
        return NULL;
    }
    results->scenario = scenario;
    results->name = name;
    for (size_t i = 0; i < scenario->num_targets; i++) {
        results->targets[i].target = &scenario->targets[i];
    }
    return results;
}

void results_free(struct results *results)
{
    if (results == NULL) {
        return;
    }
    for (size_t i = 0; i < results->scenario->num_targets; i++) {
        for (size_t j = 0; j < results->targets[i].num_metrics; j++) {
            free(results->targets[i].metrics[j]);
        }
    }
    free(results);
}

static struct results_metric *find(const struct results_target *target, const char *name)
{
    for (size_t i = 0; i < target->num_metrics; i++) {
        if (strcmp(target->metrics[i]->name, name) == 0) {
            return target->metrics[i];
        }
    }
    return NULL;
}

const struct results_metric *results_find(const struct results_target *target, const char *name)
{
    return find(target, name);
}

int results_add(struct results_target *target, const struct results_value *value, struct err *err)
{
    char name[RESULTS_NAME_CAP];
    struct results_metric *metric = NULL;

    (void)snprintf(name, sizeof(name), "%s%s%s", value->name, value->detail[0] != '\0' ? "." : "",
                   value->detail);
    metric = find(target, name);
    if (metric == NULL) {
        if (target->num_metrics == RESULTS_METRICS_MAX) {
            return err_set(err, ERR_LIMIT, "more than %d metrics", RESULTS_METRICS_MAX);
        }
        metric = calloc(1, sizeof(*metric));
        if (metric == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        (void)snprintf(metric->name, sizeof(metric->name), "%s", name);
        metric->unit = value->unit;
        metric->better = value->better;
        target->metrics[target->num_metrics++] = metric;
    }
    assert(metric->num < SCENARIO_REPETITIONS_MAX);
    metric->values[metric->num++] = value->value;
    return 0;
}
