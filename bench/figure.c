/*
 * Figure: scripts.
 */
#include "bench/figure.h"

#include <math.h>
#include <string.h>

#include "bench/series.h"

#define WIDTH 860
#define BAR_HEIGHT 26 /* px */

/* Colours that stand out on white and on black, and from each other for the colour-blind. */
static const char *const colours[] = {"#0096d6", "#e69f00", "#009e73", "#d55e00",
                                      "#cc79a7", "#8a8a8a", "#7f6fd1", "#b59b00"};

#define NUM_COLOURS (sizeof(colours) / sizeof(colours[0]))

static void begin(int height, FILE *out)
{
    fprintf(out,
            "set terminal svg size %d,%d dynamic font 'sans-serif,13' noenhanced\n"
            "set border 3 lw 0.7\nset tics nomirror\nset grid lw 0.4\n",
            WIDTH, height);
}

void figure_curves(const struct recording_step *step, FILE *out)
{
    begin(420, out);
    /* -log10 of what lies above: 50 %, 90 %, 99 %, 99.9 % are 0.3, 1, 2, 3. */
    fputs("set xlabel 'percentile'\nset ylabel 'latency, us'\nset logscale y\nset xrange [0:3.05]\n"
          "set xtics ('0' 0, '50' 0.30103, '90' 1, '99' 2, '99.9' 3)\n"
          "set key outside right top\nplot ",
          out);
    for (size_t i = 0; i < step->num_targets; i++) {
        fprintf(out, "%s'-' using 1:2 with lines lw 2 lc rgb '%s' title '%s'", i > 0 ? ", " : "",
                colours[i % NUM_COLOURS], step->targets[i].name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < step->num_targets; i++) {
        const struct recording_target *target = &step->targets[i];

        for (size_t j = 0; j < target->num_points; j++) {
            if (target->curve[j].percentile < 99.95 && target->curve[j].us > 0) {
                fprintf(out, "%.6f %.6f\n", -log10(1 - target->curve[j].percentile / 100),
                        target->curve[j].us);
            }
        }
        fputs("e\n", out);
    }
}

/* A metric with all its parts together. */
struct whole {
    const char *unit; /* NULL: the target has none of it */
    struct series series;
};

/* What several processes cost on one path is the sum of it, repetition by repetition. */
static struct whole whole_of(const struct recording_target *target, const char *name)
{
    double sums[RECORDING_VALUES_MAX] = {0};
    size_t num = RECORDING_VALUES_MAX;
    size_t len = strlen(name);
    struct whole whole = {.unit = NULL};

    for (size_t i = 0; i < target->num_metrics; i++) {
        const struct recording_metric *metric = &target->metrics[i];

        if (strncmp(metric->name, name, len) != 0 ||
            (metric->name[len] != '\0' && metric->name[len] != '.')) {
            continue;
        }
        whole.unit = metric->unit;
        num = metric->num < num ? metric->num : num;
        for (size_t j = 0; j < num; j++) {
            sums[j] += metric->values[j];
        }
    }
    if (whole.unit != NULL) {
        whole.series = series_of(sums, num);
    }
    return whole;
}

bool figure_bars(const struct recording_step *step, const char *name, FILE *out)
{
    const char *unit = NULL;
    int num = 0;

    for (size_t i = 0; i < step->num_targets; i++) {
        struct whole whole = whole_of(&step->targets[i], name);

        if (whole.unit != NULL) {
            unit = whole.unit;
            num++;
        }
    }
    if (num == 0) {
        return false;
    }
    begin(90 + BAR_HEIGHT * num, out);
    fprintf(out,
            "set xlabel '%s, %s'\nset xrange [0:*]\nset yrange [-0.6:%d.6] reverse\nunset key\n"
            "set style fill solid 0.85\nset boxwidth 0.7\nset bars 0.4\n"
            "$bars << END\n",
            name, unit, num - 1);
    for (size_t i = 0, row = 0; i < step->num_targets; i++) {
        struct whole whole = whole_of(&step->targets[i], name);

        if (whole.unit != NULL) {
            fprintf(out, "%zu %s %.6f %.6f %.6f\n", row++, step->targets[i].name,
                    whole.series.median, whole.series.least, whole.series.most);
        }
    }
    fprintf(out,
            "END\n"
            "plot $bars using (0):0:(0):3:($0-0.35):($0+0.35):ytic(2) with boxxyerror "
            "lc rgb '%s', $bars using 3:0:4:5 with xerrorbars pt 7 ps 0.3 lc rgb 'black'\n",
            colours[0]);
    return true;
}

/* The points of one target, up to where gnuplot is told that they end. */
static void put_line(const struct recording *recording, const char *axis, const char *target,
                     const char *name, FILE *out)
{
    for (size_t i = 0; i < recording->num_steps; i++) {
        const struct recording_step *step = &recording->steps[i];
        const struct recording_target *found = recording_target(step, target);
        struct whole whole = {.unit = NULL};

        if (found != NULL && strcmp(step->axis, axis) == 0 && step->value > 0) {
            whole = whole_of(found, name);
        }
        if (whole.unit != NULL) {
            fprintf(out, "%.6f %.6f %.6f %.6f\n", step->value, whole.series.median,
                    whole.series.least, whole.series.most);
        }
    }
    fputs("e\n", out);
}

/* The unit of a target's metric along an axis; NULL: it has none. */
static const char *unit_along(const struct recording *recording, const char *axis,
                              const char *target, const char *name)
{
    for (size_t i = 0; i < recording->num_steps; i++) {
        const struct recording_step *step = &recording->steps[i];
        const struct recording_target *found = recording_target(step, target);
        struct whole whole = {.unit = NULL};

        if (found != NULL && strcmp(step->axis, axis) == 0) {
            whole = whole_of(found, name);
        }
        if (whole.unit != NULL) {
            return whole.unit;
        }
    }
    return NULL;
}

bool figure_growth(const struct recording *recording, const char *axis, const char *name, FILE *out)
{
    const struct recording_step *first = &recording->steps[0]; /* all have the same targets */
    const char *unit = NULL;

    for (size_t i = 0; i < first->num_targets; i++) {
        const char *target = first->targets[i].name;
        const char *found = unit_along(recording, axis, target, name);

        if (found != NULL && unit == NULL) {
            begin(380, out);
            fprintf(out,
                    "set xlabel '%s'\nset ylabel '%s, %s'\nset logscale x\nset yrange [0:*]\n"
                    "set key outside right top\nplot ",
                    axis, name, found);
        }
        if (found != NULL) {
            fprintf(out,
                    "%s'-' using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc rgb '%s' title '%s'",
                    unit != NULL ? ", " : "", colours[i % NUM_COLOURS], target);
            unit = found;
        }
    }
    if (unit == NULL) {
        return false;
    }
    fputc('\n', out);
    for (size_t i = 0; i < first->num_targets; i++) {
        if (unit_along(recording, axis, first->targets[i].name, name) != NULL) {
            put_line(recording, axis, first->targets[i].name, name, out);
        }
    }
    return true;
}
