/*
 * Costs: samples before and after, and their differences by operation.
 */
#include "bench/costs.h"

#include <stdlib.h>

#include "bench/calls.h"
#include "bench/usage.h"
#include "common/err.h"

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

struct costs {
    struct process *processes;
    size_t num_processes;
    bool counts_calls;
};

/* The processes of a target with their children of now. */
static int find_processes(struct costs *costs, const struct costs_options *options, struct err *err)
{
    const struct setting_list *names = &options->target->processes;

    costs->processes = calloc(names->num + 1, sizeof(*costs->processes));
    if (costs->processes == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < names->num; i++) {
        const struct scenario_process *named =
            scenario_find_process(options->scenario, names->items[i]);
        struct process *process = &costs->processes[i];

        process->name = named->name;
        process->pid = (pid_t)named->pid;
        process->base_memory = options->base_memory[named - options->scenario->processes];
        if (usage_find((pid_t)named->pid, &process->family, err) != 0) {
            return err_wrap(err, "[process %s]", named->name);
        }
        costs->num_processes++;
    }
    return 0;
}

struct costs *costs_new(const struct costs_options *options, struct err *err)
{
    struct costs *costs = calloc(1, sizeof(*costs));

    if (costs == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    costs->counts_calls = options->counts_calls;
    if (find_processes(costs, options, err) != 0) {
        costs_free(costs);
        return NULL;
    }
    return costs;
}

void costs_free(struct costs *costs)
{
    if (costs == NULL) {
        return;
    }
    for (size_t i = 0; i < costs->num_processes; i++) {
        calls_stop(costs->processes[i].calls);
    }
    free(costs->processes);
    free(costs);
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

static int sample_usage(struct costs *costs, bool before, struct err *err)
{
    for (size_t i = 0; i < costs->num_processes; i++) {
        struct process *process = &costs->processes[i];

        if (read_family(process, before ? &process->before : &process->after, err) != 0) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

int costs_sample_memory(struct costs *costs, struct err *err)
{
    for (size_t i = 0; i < costs->num_processes; i++) {
        struct process *process = &costs->processes[i];

        if (usage_memory(&process->family, &process->memory, err) != 0) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

static int start_calls(struct costs *costs, struct err *err)
{
    for (size_t i = 0; i < costs->num_processes; i++) {
        struct process *process = &costs->processes[i];

        process->calls = calls_start(&process->family, err);
        if (process->calls == NULL) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

static int read_calls(struct costs *costs, struct err *err)
{
    for (size_t i = 0; i < costs->num_processes; i++) {
        struct process *process = &costs->processes[i];

        if (calls_read(process->calls, &process->num_calls, err) != 0) {
            return err_wrap(err, "[process %s]", process->name);
        }
    }
    return 0;
}

int costs_begin(struct costs *costs, struct err *err)
{
    if (sample_usage(costs, true, err) != 0) {
        return -1;
    }
    return costs->counts_calls ? start_calls(costs, err) : 0;
}

int costs_end(struct costs *costs, struct err *err)
{
    return costs->counts_calls ? read_calls(costs, err) : sample_usage(costs, false, err);
}

/* Threads and children that have ended take their counts with them: then there is less than before.
 */
static double more(uint64_t after, uint64_t before)
{
    return after > before ? (double)(after - before) : 0;
}

/* Of one process; what cannot be known is left out. */
static int add_cost(const struct process *p, double num, struct results_target *target,
                    struct err *err)
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
        if (rows[i].known && results_add(target, &rows[i].value, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_calls(const struct costs *costs, double num, struct results_target *target,
                     struct err *err)
{
    for (size_t i = 0; i < costs->num_processes; i++) {
        const struct process *p = &costs->processes[i];
        const struct results_value row = {"syscalls", p->name, "", RESULTS_LESS,
                                          (double)p->num_calls / num};

        if (results_add(target, &row, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int costs_add(const struct costs *costs, uint64_t operations, struct results_target *target,
              struct err *err)
{
    double num = (double)operations;

    if (costs->counts_calls) {
        return add_calls(costs, num, target, err);
    }
    for (size_t i = 0; i < costs->num_processes; i++) {
        if (add_cost(&costs->processes[i], num, target, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int costs_add_memory(const struct costs *costs, uint64_t idle, struct results_target *target,
                     struct err *err)
{
    for (size_t i = 0; i < costs->num_processes; i++) {
        const struct process *p = &costs->processes[i];
        const struct results_value row = {"memory", p->name, "B", RESULTS_LESS,
                                          ((double)p->memory - (double)p->base_memory) /
                                              (double)idle};

        if (results_add(target, &row, err) != 0) {
            return -1;
        }
    }
    return 0;
}
