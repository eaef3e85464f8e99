/*
 * Turn: samples before and after, and their differences by operation.
 */
#include "bench/turn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/calls.h"
#include "bench/command.h"
#include "bench/load.h"
#include "bench/usage.h"
#include "common/err.h"

#define TRY_STALL_MS 10000
#define READS_MAX 10

struct process {
    const char *name; /* borrowed from the scenario */
    pid_t pid;
    struct usage_family family;
    struct usage before;
    struct usage after;
    uint64_t base_memory; /* before the first connection of the run */
    uint64_t memory;
    struct calls *calls; /* NULL: they are not counted */
    uint64_t num_calls;
};

struct turn {
    const struct turn_options *options;
    struct results_target *target;
    struct process *processes;
    size_t num_processes;
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

/* The processes of a target with their children of now. */
static int find_processes(struct turn *turn, struct err *err)
{
    const struct setting_list *names = &turn->target->target->processes;

    turn->processes = calloc(names->num + 1, sizeof(*turn->processes));
    if (turn->processes == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < names->num; i++) {
        const struct scenario_process *named =
            scenario_find_process(turn->options->scenario, names->items[i]);
        struct process *process = &turn->processes[i];

        process->name = named->name;
        process->pid = (pid_t)named->pid;
        process->base_memory =
            turn->options->base_memory[named - turn->options->scenario->processes];
        if (usage_find((pid_t)named->pid, &process->family, err) != 0) {
            return err_wrap(err, "[process %s]", named->name);
        }
        turn->num_processes++;
    }
    return 0;
}

/* A server may have other children than before, and lose one while it is looked at. */
static int read_family(struct process *process, struct usage *out, struct err *err)
{
    int rc = -1;

    for (unsigned i = 0; i < READS_MAX && rc != 0; i++) {
        rc = usage_find(process->pid, &process->family, err);
        if (rc == 0) {
            rc = usage_read(&process->family, out, err);
        }
    }
    return rc;
}

static int sample_usage(struct turn *turn, bool before, struct err *err)
{
    for (size_t i = 0; i < turn->num_processes; i++) {
        struct process *process = &turn->processes[i];

        if (read_family(process, before ? &process->before : &process->after, err) != 0) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

static int sample_memory(struct turn *turn, struct err *err)
{
    for (size_t i = 0; i < turn->num_processes; i++) {
        struct process *process = &turn->processes[i];

        if (usage_memory(&process->family, &process->memory, err) != 0) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

static int start_calls(struct turn *turn, struct err *err)
{
    for (size_t i = 0; i < turn->num_processes; i++) {
        struct process *process = &turn->processes[i];

        process->calls = calls_start(&process->family, err);
        if (process->calls == NULL) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

static int read_calls(struct turn *turn, struct err *err)
{
    for (size_t i = 0; i < turn->num_processes; i++) {
        struct process *process = &turn->processes[i];

        if (calls_read(process->calls, &process->num_calls, err) != 0) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

static int begin(struct turn *turn, struct err *err)
{
    if (sample_usage(turn, true, err) != 0) {
        return -1;
    }
    if (turn->counts_calls) {
        return start_calls(turn, err);
    }
    turn->segments_before = usage_segments();
    turn->own_before_ns = own_ns();
    return 0;
}

static int end(struct turn *turn, struct err *err)
{
    if (turn->counts_calls) {
        return read_calls(turn, err);
    }
    turn->own_after_ns = own_ns();
    turn->segments_after = usage_segments();
    return sample_usage(turn, false, err);
}

static int on_mark(void *user, enum load_mark mark, struct err *err)
{
    struct turn *turn = user;

    switch (mark) {
    case LOAD_SETTLED:
        return sample_memory(turn, err);
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

/* Threads and children that have ended take their counts with them: then there is less than before.
 */
static double more(uint64_t after, uint64_t before)
{
    return after > before ? (double)(after - before) : 0;
}

/* Of one process; what cannot be known is left out. */
static int add_cost(struct turn *turn, const struct process *p, double num, struct err *err)
{
    double cpu = more(p->after.cpu_ns, p->before.cpu_ns) / 1e3 / num;
    double ticks = more(p->after.ticks, p->before.ticks);
    double system = ticks > 0 ? more(p->after.system_ticks, p->before.system_ticks) / ticks : 0;
    double waits = more(p->after.waits, p->before.waits) / num;
    double preemptions = more(p->after.preemptions, p->before.preemptions) / num;
    bool lost = p->after.ended_ticks != p->before.ended_ticks; /* the switches of some children */
    const struct {
        bool known;
        struct results_value value;
    } rows[] = {
        {true, {"cpu", p->name, "us", RESULTS_LESS, cpu}},
        {true, {"system", p->name, "us", RESULTS_LESS, cpu * system}},
        {!lost, {"switches", p->name, "", RESULTS_LESS, waits + preemptions}},
        {!lost, {"waits", p->name, "", RESULTS_LESS, waits}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].known && results_add(turn->target, &rows[i].value, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* What `operations` have cost, each. */
static int add_costs(struct turn *turn, uint64_t operations, struct err *err)
{
    double num = (double)operations;

    for (size_t i = 0; i < turn->num_processes; i++) {
        if (add_cost(turn, &turn->processes[i], num, err) != 0) {
            return -1;
        }
    }
    return add(turn, "packets", "", (double)(turn->segments_after - turn->segments_before) / num,
               err);
}

static int add_calls(struct turn *turn, uint64_t operations, struct err *err)
{
    for (size_t i = 0; i < turn->num_processes; i++) {
        const struct process *p = &turn->processes[i];
        const struct results_value row = {"syscalls", p->name, "", RESULTS_LESS,
                                          (double)p->num_calls / (double)operations};

        if (results_add(turn->target, &row, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_memory(struct turn *turn, uint64_t idle, struct err *err)
{
    for (size_t i = 0; i < turn->num_processes; i++) {
        const struct process *p = &turn->processes[i];
        const struct results_value row = {"memory", p->name, "B", RESULTS_LESS,
                                          ((double)p->memory - (double)p->base_memory) /
                                              (double)idle};

        if (results_add(turn->target, &row, err) != 0) {
            return -1;
        }
    }
    return 0;
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
        return add_calls(turn, result->operations, err);
    }
    if (add_latency(turn, result, err) != 0 || add_rates(turn, result, err) != 0 ||
        add_costs(turn, result->operations, err) != 0) {
        return -1;
    }
    return load->idle > 0 ? add_memory(turn, load->idle, err) : 0;
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
    if (turn->counts_calls) {
        return report->operations > 0 ? add_calls(turn, report->operations, err) : 0;
    }
    for (size_t i = 0; i < report->num; i++) {
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
    struct load_result *result = calloc(1, sizeof(*result)); /* too large for the stack */
    int rc = -1;

    if (result == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        goto out;
    }
    if (find_processes(turn, err) != 0) {
        goto out;
    }
    rc = turn->options->scenario->load.workload == SCENARIO_COMMAND ? run_command(turn, err)
                                                                    : run_load(turn, result, err);
out:
    for (size_t i = 0; i < turn->num_processes; i++) {
        calls_stop(turn->processes[i].calls);
    }
    free(turn->processes);
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
