/*
 * Command: what redis-benchmark, pgbench and wrk write, in the words of our results.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/command.h"
#include "common/err.h"

int command_kind(const char *line, enum command_kind *out, struct err *err)
{
    static const char *const names[] = {
        [COMMAND_REDIS] = "redis-benchmark", [COMMAND_PGBENCH] = "pgbench", [COMMAND_WRK] = "wrk"};
    size_t len = strcspn(line, " \t");
    const char *slash = memrchr(line, '/', len);
    const char *name = slash != NULL ? slash + 1 : line;

    len -= (size_t)(name - line);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (len == strlen(names[i]) && memcmp(name, names[i], len) == 0) {
            *out = (enum command_kind)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "%.*s: need redis-benchmark, pgbench or wrk", (int)len, name);
}

/* The name of a test in lower case, as far as it is letters and digits. */
static void add(struct command_report *report, const char *name, const char *test, double value)
{
    struct command_figure *figure = &report->figures[report->num];
    int used = 0;

    if (report->num == COMMAND_FIGURES_MAX) {
        return;
    }
    used = snprintf(figure->name, sizeof(figure->name), "%s%s", name, *test != '\0' ? "." : "");
    for (; *test != '\0' && used < COMMAND_NAME_CAP - 1; test++) {
        figure->name[used++] = isalnum((unsigned char)*test) ? (char)tolower(*test) : '-';
    }
    figure->name[used] = '\0';
    figure->value = value;
    report->num++;
}

/* The number behind the first `mark`; false if there is none. */
static bool find(const char *text, const char *mark, double *out)
{
    const char *at = strstr(text, mark);
    char *end = NULL;

    if (at == NULL) {
        return false;
    }
    at += strlen(mark);
    *out = strtod(at, &end);
    return end != at && isfinite(*out);
}

/* How many requests a test of redis-benchmark has: what stands behind its option n. */
static uint64_t requests_of(const char *line)
{
    uint64_t num = 100000; /* its default */

    for (const char *at = strstr(line, " -"); at != NULL; at = strstr(at + 1, " -")) {
        if (at[2] == 'n' && at[3] == ' ') {
            num = strtoull(at + 4, NULL, 10);
        }
    }
    return num;
}

/* "TEST","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95","p99","max" */
static void read_redis_line(const char *line, struct command_report *report)
{
    char test[COMMAND_NAME_CAP] = "";
    double rps = 0;
    double p50 = 0;
    double p99 = 0;
    double max = 0;

    if (sscanf(line, "\"%31[^\"]\",\"%lf\",\"%*f\",\"%*f\",\"%lf\",\"%*f\",\"%lf\",\"%lf\"", test,
               &rps, &p50, &p99, &max) == 5) {
        add(report, "operations", test, rps);
        add(report, "p50", test, p50 * 1000);
        add(report, "p99", test, p99 * 1000);
        add(report, "max", test, max * 1000);
    }
}

static void read_redis(const char *line, const char *output, struct command_report *report)
{
    while (*output != '\0') {
        size_t len = strcspn(output, "\n");

        read_redis_line(output, report);
        output += output[len] != '\0' ? len + 1 : len;
    }
    report->operations = report->num / 4 * requests_of(line);
}

static void read_pgbench(const char *output, struct command_report *report)
{
    double value = 0;

    if (find(output, "\ntps = ", &value)) {
        add(report, "operations", "", value);
    }
    if (find(output, "latency average = ", &value)) {
        add(report, "mean", "", value * 1000);
    }
    if (find(output, "transactions actually processed: ", &value) && value > 0) {
        report->operations = (uint64_t)value;
    }
}

/* "45.60us", "1.23ms", "1.20s" or "1.50m" (minutes) behind `mark`, in us. */
static bool find_time(const char *text, const char *mark, double *out)
{
    static const struct {
        const char *name;
        double us;
    } units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}};
    const char *at = strstr(text, mark);
    char *unit = NULL;
    double value = 0;

    if (at == NULL) {
        return false;
    }
    value = strtod(at + strlen(mark), &unit);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strncmp(unit, units[i].name, strlen(units[i].name)) == 0) {
            *out = value * units[i].us;
            return true;
        }
    }
    return false;
}

static void read_wrk(const char *output, struct command_report *report)
{
    static const struct {
        const char *mark;
        const char *name;
    } rows[] = {{" 50% ", "p50"}, {" 90% ", "p90"}, {" 99% ", "p99"}};
    const char *requests = strstr(output, " requests in ");
    double value = 0;

    if (find(output, "Requests/sec:", &value)) {
        add(report, "operations", "", value);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (find_time(output, rows[i].mark, &value)) {
            add(report, rows[i].name, "", value);
        }
    }
    while (requests != NULL && requests > output && isdigit((unsigned char)requests[-1])) {
        requests--;
    }
    report->operations = requests != NULL ? strtoull(requests, NULL, 10) : 0;
}

/* What failed although the command did not: a failure is fast, and no operation. */
static int check_failures(enum command_kind kind, const char *output, struct err *err)
{
    static const struct {
        enum command_kind kind;
        const char *mark;
    } rows[] = {
        {COMMAND_WRK, "Socket errors: "},
        {COMMAND_WRK, "Non-2xx or 3xx responses: "},
        {COMMAND_PGBENCH, "number of failed transactions: "},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = rows[i].kind == kind ? strstr(output, rows[i].mark) : NULL;

        if (at != NULL && strncmp(at + strlen(rows[i].mark), "0 ", 2) != 0) {
            return err_set(err, ERR_IO, "%.*s", (int)strcspn(at, "\n"), at);
        }
    }
    return 0;
}

int command_read(enum command_kind kind, const char *line, const char *output,
                 struct command_report *out, struct err *err)
{
    struct command_report report = {.num = 0};

    if (check_failures(kind, output, err) != 0) {
        return -1;
    }
    switch (kind) {
    case COMMAND_REDIS:
        read_redis(line, output, &report);
        break;
    case COMMAND_PGBENCH:
        read_pgbench(output, &report);
        break;
    case COMMAND_WRK:
        read_wrk(output, &report);
        break;
    }
    if (report.num == 0) {
        return err_set(err, ERR_INVALID, "no figure in what it wrote%s",
                       kind == COMMAND_REDIS ? ", which must be CSV" : "");
    }
    *out = report;
    return 0;
}
