/*
 * Turn: what load and command say, and what that costs, becomes metrics.
 */
#include "bench/turn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/command.h"
#include "bench/costs.h"
#include "bench/load.h"
#include "bench/usage.h"
#include "common/err.h"

#define TRY_STALL_MS 10000

struct turn {
    const struct turn_options *options;
    struct results_target *target;
    struct costs *costs;
    bool counts_calls; /* and nothing else */
    uint64_t segments_before;
    uint64_t segments_after;
    uint64_t own_before_ns; /* processor time of this program */
    uint64_t own_after_ns;
};

static uint64_t own_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int begin(struct turn *turn, struct err *err)
{
    if (costs_begin(turn->costs, err) != 0) {
        return -1;
    }
    turn->segments_before = usage_segments();
    turn->own_before_ns = own_ns();
    return 0;
}

static int end(struct turn *turn, struct err *err)
{
    turn->own_after_ns = own_ns();
    turn->segments_after = usage_segments();
    return costs_end(turn->costs, err);
}

static int on_mark(void *user, enum load_mark mark, struct err *err)
{
    struct turn *turn = user;

    switch (mark) {
    case LOAD_SETTLED:
        return costs_sample_memory(turn->costs, err);
    case LOAD_BEGIN:
        return begin(turn, err);
    case LOAD_END:
        break;
    }
    return end(turn, err);
}

static int add(struct turn *turn, const char *name, const char *unit, double value, struct err *err)
{
    const struct results_value row = {
        .name = name, .detail = "", .unit = unit, .better = RESULTS_LESS, .value = value};

    return results_add(turn->target, &row, err);
}

static int add_costs(struct turn *turn, uint64_t operations, struct err *err)
{
    if (costs_add(turn->costs, operations, turn->target, err) != 0) {
        return -1;
    }
    return turn->counts_calls
               ? 0
               : add(turn, "packets", "",
                     (double)(turn->segments_after - turn->segments_before) / (double)operations,
                     err);
}

static int add_latency(struct turn *turn, const struct load_result *result, struct err *err)
{
    static const struct {
        const char *name;
        unsigned permille;
    } rows[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}, {"max", 1000}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t ns = latency_percentile(&result->latency, rows[i].permille);

        if (add(turn, rows[i].name, "us", (double)ns / 1e3, err) != 0) {
            return -1;
        }
    }
    latency_merge(&turn->target->latency, &result->latency);
    return 0;
}

static int add_rates(struct turn *turn, const struct load_result *result, struct err *err)
{
    const struct scenario_load *load = &turn->options->scenario->load;
    double seconds = (double)result->elapsed_ns / 1e9;
    double rate = (double)result->operations / seconds;
    const struct results_value rows[] = {
        {"operations", "", "1/s", RESULTS_MORE, rate},
        {"throughput", "", "B/s", RESULTS_MORE,
         rate * (double)(load->request_size + load->reply_size)},
        {"busy", "", "", RESULTS_LESS,
         (double)(turn->own_after_ns - turn->own_before_ns) / (double)result->elapsed_ns},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (results_add(turn->target, &rows[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_result(struct turn *turn, const struct load_result *result, struct err *err)
{
    const struct scenario_load *load = &turn->options->scenario->load;

    if (result->operations == 0 || result->latency.count == 0) {
        return err_set(err, ERR_TIMEOUT, "no request was answered within the time");
    }
    if (turn->counts_calls) {
        return add_costs(turn, result->operations, err);
    }
    if (add_latency(turn, result, err) != 0 || add_rates(turn, result, err) != 0 ||
        add_costs(turn, result->operations, err) != 0) {
        return -1;
    }
    return load->idle > 0 ? costs_add_memory(turn->costs, load->idle, turn->target, err) : 0;
}

static int set_target(struct load_options *load, const struct turn_options *options,
                      const struct scenario_target *target, struct err *err)
{
    load->exchange = options->exchange;
    load->client = target->tls ? options->client : NULL;
    load->server_name = target->server_name;
    return sockets_parse(target->connect, &load->address, err);
}

static int run_load(struct turn *turn, struct load_result *result, struct err *err)
{
    const struct scenario_load *load = &turn->options->scenario->load;
    struct load_options options = {
        .churn = load->workload == SCENARIO_CHURN,
        .connections = (size_t)load->connections,
        .pipeline = (size_t)load->pipeline,
        .idle = (size_t)load->idle,
        .rate = load->rate,
        .warm_up_ms = load->warm_up,
        .time_ms = load->time,
        .settle_ms = load->settle,
        .stall_ms = load->stall,
        .on_mark = on_mark,
        .user = turn,
    };

    if (set_target(&options, turn->options, turn->target->target, err) != 0 ||
        load_run(&options, result, err) != 0) {
        return -1;
    }
    return add_result(turn, result, err);
}

static int add_figures(struct turn *turn, const struct command_report *report, struct err *err)
{
    for (size_t i = 0; i < report->num && !turn->counts_calls; i++) {
        bool is_rate = strncmp(report->figures[i].name, "operations", 10) == 0;
        const struct results_value row = {report->figures[i].name, "", is_rate ? "1/s" : "us",
                                          is_rate ? RESULTS_MORE : RESULTS_LESS,
                                          report->figures[i].value};

        if (results_add(turn->target, &row, err) != 0) {
            return -1;
        }
    }
    return report->operations > 0 ? add_costs(turn, report->operations, err) : 0;
}

static int run_command(struct turn *turn, struct err *err)
{
    struct sockets_address address;
    struct command_report report;
    uint64_t elapsed_ns = 0;

    if (sockets_parse(turn->target->target->connect, &address, err) != 0 || begin(turn, err) != 0 ||
        command_run(turn->options->scenario->load.command, &address, &report, &elapsed_ns, err) !=
            0 ||
        end(turn, err) != 0) {
        return -1;
    }
    return add_figures(turn, &report, err);
}

static int turn_whole(struct turn *turn, struct err *err)
{
    const struct costs_options options = {
        .scenario = turn->options->scenario,
        .target = turn->target->target,
        .base_memory = turn->options->base_memory,
        .counts_calls = turn->counts_calls,
    };
    struct load_result *result = calloc(1, sizeof(*result)); /* too large for the stack */
    int rc = -1;

    if (result == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        goto out;
    }
    turn->costs = costs_new(&options, err);
    if (turn->costs == NULL) {
        goto out;
    }
    rc = turn->options->scenario->load.workload == SCENARIO_COMMAND ? run_command(turn, err)
                                                                    : run_load(turn, result, err);
out:
    costs_free(turn->costs);
    free(result);
    return rc;
}

int turn_run(const struct turn_options *options, struct results_target *target, struct err *err)
{
    struct turn turn = {.options = options, .target = target};

    return turn_whole(&turn, err);
}

int turn_count_calls(const struct turn_options *options, struct results_target *target,
                     struct err *err)
{
    struct turn turn = {.options = options, .target = target, .counts_calls = true};

    return turn_whole(&turn, err);
}

int turn_try(const struct turn_options *options, const struct scenario_target *target,
             struct err *err)
{
    struct load_options load = {
        .connections = 1, .pipeline = 1, .warm_up_ms = 0, .time_ms = 1, .stall_ms = TRY_STALL_MS};
    struct load_result *result = calloc(1, sizeof(*result)); /* too large for the stack */
    int rc = -1;

    if (result == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    if (set_target(&load, options, target, err) == 0) {
        rc = load_run(&load, result, err);
    }
    free(result);
    return rc;
}
