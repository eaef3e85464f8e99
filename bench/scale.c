/*
 * Scale: the steps, and what they show together.
 */
#include "bench/scale.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bench/results.h"
#include "common/err.h"

enum axis { AXIS_CONNECTIONS, AXIS_SIZES };

static const char *const axes[] = {[AXIS_CONNECTIONS] = "connections", [AXIS_SIZES] = "size"};

struct step {
    enum axis axis;
    uint64_t value;
    struct scenario scenario; /* a copy that borrows all text and lists */
    struct results *results;
};

struct scale {
    const struct scenario *scenario;
    struct step *steps;
    size_t num_steps;
};

static void set_value(struct step *step)
{
    struct scenario_load *load = &step->scenario.load;

    switch (step->axis) {
    case AXIS_CONNECTIONS: /* so many are open, and as many of them as before carry requests */
        load->connections = step->value < load->connections ? step->value : load->connections;
        load->idle = step->value - load->connections;
        break;
    case AXIS_SIZES:
        load->request_size = step->value;
        load->reply_size = step->value;
        break;
    }
}

static int add_steps(struct scale *scale, enum axis axis, const struct setting_list *values,
                     const char *name, struct err *err)
{
    for (size_t i = 0; i < values->num; i++) {
        struct step *step = &scale->steps[scale->num_steps];

        step->axis = axis;
        step->value = scenario_number(values, i);
        step->scenario = *scale->scenario;
        set_value(step);
        step->results = results_new(&step->scenario, name);
        if (step->results == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        scale->num_steps++;
    }
    return 0;
}

struct scale *scale_new(const struct scenario *scenario, const char *name, struct err *err)
{
    const struct scenario_scale *axis = &scenario->scale;
    size_t num = axis->connections.num + axis->sizes.num;
    struct scale *scale = NULL;

    if (num == 0) {
        err_set(err, ERR_INVALID, "%s: [scale] has nothing to do", name);
        return NULL;
    }
    scale = calloc(1, sizeof(*scale));
    if (scale == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    scale->scenario = scenario;
    scale->steps = calloc(num, sizeof(*scale->steps));
    if (scale->steps == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        scale_free(scale);
        return NULL;
    }
    if (add_steps(scale, AXIS_CONNECTIONS, &axis->connections, name, err) != 0 ||
        add_steps(scale, AXIS_SIZES, &axis->sizes, name, err) != 0) {
        scale_free(scale);
        return NULL;
    }
    return scale;
}

void scale_free(struct scale *scale)
{
    if (scale == NULL) {
        return;
    }
    for (size_t i = 0; i < scale->num_steps; i++) {
        results_free(scale->steps[i].results);
    }
    free(scale->steps);
    free(scale);
}

int scale_run(struct scale *scale, run_on_progress *on_progress, void *user, struct err *err)
{
    for (size_t i = 0; i < scale->num_steps; i++) {
        struct step *step = &scale->steps[i];
        const struct run_options options = {
            .scenario = &step->scenario, .on_progress = on_progress, .user = user};

        if (run_scenario(&options, step->results, err) != 0) {
            return err_wrap(err, "%s %" PRIu64, axes[step->axis], step->value);
        }
    }
    return 0;
}

json_t *scale_json(const struct scale *scale, json_t *environment)
{
    json_t *json = results_head_json(scale->steps[0].results, environment);
    json_t *steps = json_array();
    double seconds = 0;

    for (size_t i = 0; i < scale->num_steps; i++) {
        const struct step *step = &scale->steps[i];

        json_array_append_new(steps, json_pack("{s:s, s:I, s:o}", "axis", axes[step->axis], "value",
                                               (json_int_t)step->value, "targets",
                                               results_targets_json(step->results)));
        seconds += step->results->seconds;
    }
    json_object_set_new(json, "steps", steps);
    json_object_set_new(json, "seconds", json_real(seconds));
    return json;
}

/* Whether what an operation costs grows with the number of open connections. */
static void print_flatness(const struct scale *scale, size_t target, FILE *out)
{
    double least = 0;
    double most = 0;
    size_t num = 0;

    for (size_t i = 0; i < scale->num_steps; i++) {
        const struct step *step = &scale->steps[i];
        double cpu = results_sum(&step->results->targets[target], "cpu");

        if (step->axis == AXIS_CONNECTIONS && step->value >= SCALE_FLAT_FROM && cpu > 0) {
            least = num == 0 || cpu < least ? cpu : least;
            most = cpu > most ? cpu : most;
            num++;
        }
    }
    if (num >= 2) {
        fprintf(out, "%-16s CPU per operation from %d connections on: %.2f to %.2f us, %s\n",
                scale->scenario->targets[target].name, SCALE_FLAT_FROM, least, most,
                most <= least * SCALE_FLAT ? "flat" : "not flat");
    }
}

void scale_print(const struct scale *scale, FILE *out)
{
    fprintf(out, "%-12s %8s  %-16s %12s %12s %12s %12s\n", "axis", "value", "target", "ops/s",
            "p50 us", "p99 us", "CPU us/op");
    for (size_t i = 0; i < scale->num_steps; i++) {
        const struct step *step = &scale->steps[i];

        for (size_t j = 0; j < scale->scenario->num_targets; j++) {
            const struct results_target *target = &step->results->targets[j];

            fprintf(out, "%-12s %8" PRIu64 "  %-16s %12.0f %12.1f %12.1f %12.2f\n",
                    axes[step->axis], step->value, target->target->name,
                    results_median(target, "operations"), results_median(target, "p50"),
                    results_median(target, "p99"), results_sum(target, "cpu"));
        }
    }
    fputc('\n', out);
    for (size_t j = 0; j < scale->scenario->num_targets; j++) {
        print_flatness(scale, j, out);
    }
}
