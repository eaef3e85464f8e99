/*
 * Report: the page.
 */
#include "bench/report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/figure.h"
#include "bench/plot.h"
#include "bench/series.h"
#include "common/err.h"

/* What gnuplot draws in black takes the colour of the page's text. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>liftgate-bench</title>\n<style>\n"
    ":root { color-scheme: light dark; }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;"
    " padding: 0 1rem; }\n"
    "h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 3rem; }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }\n"
    "th, td { text-align: left; padding: .15rem .8rem .15rem 0;"
    " border-bottom: 1px solid #8884; vertical-align: top; }\n"
    "td.n, th.n { text-align: right; }\n"
    "pre { overflow-x: auto; font-size: 12px; background: #8882; padding: .6rem; }\n"
    "summary { cursor: pointer; }\n"
    "svg { width: 100%; height: auto; color: inherit; }\n"
    "svg text { fill: currentColor; }\n"
    "svg [stroke=black] { stroke: currentColor; } svg [fill=black] { fill: currentColor; }\n"
    "svg [color=black] { color: inherit; }\n"
    "@media print { body { max-width: none; } h2, figure, table { break-inside: avoid; }\n"
    " details::details-content { content-visibility: visible; } }\n" /* paper has no triangles */
    "</style></head><body>\n<h1>liftgate-bench</h1>\n";

static void put_text(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_object(const char *title, json_t *object, FILE *out)
{
    const char *key = NULL;
    json_t *value = NULL;

    fprintf(out, "<details><summary>%s</summary><table>\n", title);
    json_object_foreach(object, key, value)
    {
        char *json = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

        fputs("<tr><th>", out);
        put_text(key, out);
        fputs("</th><td>", out);
        put_text(json_is_string(value) ? json_string_value(value) : json != NULL ? json : "", out);
        fputs("</td></tr>\n", out);
        free(json);
    }
    fputs("</table></details>\n", out);
}

static void put_metrics(const struct recording_step *step, FILE *out)
{
    double sorted[RECORDING_VALUES_MAX];

    fputs("<details><summary>Every figure", out);
    if (step->axis != NULL) {
        fprintf(out, ", %s %.0f", step->axis, step->value);
    }
    fputs("</summary><table>\n<tr><th>target</th><th>metric</th>"
          "<th class=\"n\">median</th><th class=\"n\">95 % of the mean</th><th></th></tr>\n",
          out);
    for (size_t i = 0; i < step->num_targets; i++) {
        for (size_t j = 0; j < step->targets[i].num_metrics; j++) {
            const struct recording_metric *metric = &step->targets[i].metrics[j];
            struct series series;

            memcpy(sorted, metric->values, metric->num * sizeof(sorted[0]));
            series = series_of(sorted, metric->num);
            fprintf(out,
                    "<tr><td>%s</td><td>%s</td><td class=\"n\">%.2f</td>"
                    "<td class=\"n\">%.2f to %.2f</td><td>%s</td></tr>\n",
                    step->targets[i].name, metric->name, series.median, series.low, series.high,
                    metric->unit);
        }
    }
    fputs("</table></details>\n", out);
}

/* Draws the script, which is consumed, into the page. */
static int put_figure(char *script, size_t len, FILE *out, struct err *err)
{
    char *svg = script != NULL ? plot_svg(script, len, err) : NULL;

    free(script);
    if (svg == NULL) {
        return -1;
    }
    fprintf(out, "<figure>%s</figure>\n", svg);
    free(svg);
    return 0;
}

static int put_curves(const struct recording_step *step, FILE *out, struct err *err)
{
    char *script = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&script, &len);

    if (text == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    figure_curves(step, text);
    fclose(text);
    return put_figure(script, len, out, err);
}

/* Bars of one step if `axis` is NULL, else lines along it; nothing where nobody has the metric. */
static int put_metric(const struct recording *recording, const char *axis, const char *name,
                      FILE *out, struct err *err)
{
    char *script = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&script, &len);
    bool any = false;

    if (text == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    any = axis == NULL ? figure_bars(&recording->steps[0], name, text)
                       : figure_growth(recording, axis, name, text);
    fclose(text);
    if (!any) {
        free(script);
        return 0;
    }
    return put_figure(script, len, out, err);
}

static bool has_curves(const struct recording_step *step)
{
    for (size_t i = 0; i < step->num_targets; i++) {
        if (step->targets[i].num_points > 0) {
            return true;
        }
    }
    return false;
}

/* Bars of each test of a command that has this figure: "p50.get" and "p50.set" are no sum. */
static int put_tests(const struct recording *recording, const char *name, FILE *out,
                     struct err *err)
{
    const struct recording_target *first = &recording->steps[0].targets[0];
    size_t len = strlen(name);

    for (size_t i = 0; i < first->num_metrics; i++) {
        const char *each = first->metrics[i].name;

        if (strncmp(each, name, len) == 0 && (each[len] == '\0' || each[len] == '.') &&
            put_metric(recording, NULL, each, out, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_run(const struct recording *recording, FILE *out, struct err *err)
{
    static const struct {
        const char *name;
        bool adds_up; /* what has several parts */
    } metrics[] = {{"cpu", true},  {"mean", false},       {"p50", false},
                   {"p99", false}, {"operations", false}, {"memory", true}};

    if (has_curves(&recording->steps[0]) && put_curves(&recording->steps[0], out, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        if ((metrics[i].adds_up ? put_metric(recording, NULL, metrics[i].name, out, err)
                                : put_tests(recording, metrics[i].name, out, err)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_scale(const struct recording *recording, FILE *out, struct err *err)
{
    static const char *const axes[] = {"connections", "size"};
    static const char *const metrics[] = {"cpu", "p99"};

    for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++) {
        for (size_t j = 0; j < sizeof(metrics) / sizeof(metrics[0]); j++) {
            if (put_metric(recording, axes[i], metrics[j], out, err) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

static int put_recording(const struct recording *recording, FILE *out, struct err *err)
{
    fprintf(out, "<h2>%s</h2>\n<p>", recording->name);
    put_text(recording->started, out);
    fputs("</p>\n", out);
    if ((recording_is_scale(recording) ? put_scale(recording, out, err)
                                       : put_run(recording, out, err)) != 0) {
        return -1;
    }
    for (size_t i = 0; i < recording->num_steps; i++) {
        put_metrics(&recording->steps[i], out);
    }
    put_object("Scenario", recording->scenario, out);
    put_object("Environment", recording->environment, out);
    return 0;
}

int report_write(const struct report *report, FILE *out, struct err *err)
{
    fputs(head, out);
    for (size_t i = 0; i < report->num_recordings; i++) {
        if (put_recording(report->recordings[i], out, err) != 0) {
            return err_wrap(err, "%s", report->recordings[i]->name);
        }
    }
    if (report->num_texts > 0) {
        fputs("<h2>Files</h2>\n", out);
    }
    for (size_t i = 0; i < report->num_texts; i++) {
        fputs("<details><summary>", out);
        put_text(report->texts[i].name, out);
        fputs("</summary><pre>", out);
        put_text(report->texts[i].text, out);
        fputs("</pre></details>\n", out);
    }
    fputs("</body></html>\n", out);
    return ferror(out) == 0 ? 0 : err_set(err, ERR_IO, "cannot write the page");
}
