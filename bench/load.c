/*
 * Load: the phases of a turn.
 *
 * Happy path: HOLD opens the idle connections, each with one request to prove it; SETTLE waits;
 * OPEN opens those that will carry requests (none with churn); WARM and COUNT carry them; DRAIN
 * waits for what is on its way or was due; CLOSE ends everything, and with the last handle the
 * loop. Failures: the first one is kept and leads to CLOSE.
 */
#include "bench/load.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/arrivals.h"
#include "bench/caller.h"
#include "common/err.h"

#define OPENING_MAX 32 /* connections that are being opened at a time */
#define SECOND UINT64_C(1000000000)

enum load_phase {
    PHASE_HOLD,
    PHASE_SETTLE,
    PHASE_OPEN,
    PHASE_WARM,
    PHASE_COUNT,
    PHASE_DRAIN,
    PHASE_CLOSE
};

enum role { ROLE_BUSY, ROLE_IDLE };

struct load {
    const struct load_options *options;
    struct load_result *result;
    struct err *err;
    int rc;
    enum load_phase phase;
    uv_loop_t loop;
    uv_timer_t timer; /* of the phase */
    uv_timer_t stall;
    uv_poll_t clock; /* open loop: when the next request is due */
    int clock_fd;
    struct caller_group group;
    struct caller *callers; /* idle ones first */
    size_t num_callers;     /* initialised ones */
    size_t num_begun;       /* of the callers of this phase, how many were opened */
    size_t num_open;        /* and are ready */
    size_t in_flight;       /* operations */
    uint64_t progress;      /* counts what the stall timer wants to see */
    uint64_t progress_seen;
    uint64_t counts_ns; /* operations that begin from here on are counted */
    uint64_t ends_ns;   /* none begins from here on */
    struct arrivals arrivals;
    struct caller **free; /* open loop: ring of slots for a request */
    size_t free_cap;
    size_t free_first;
    size_t free_num;
};

static void load_close(struct load *load)
{
    load->phase = PHASE_CLOSE;
    for (size_t i = 0; i < load->num_callers; i++) {
        caller_close(&load->callers[i]);
    }
    uv_close((uv_handle_t *)&load->timer, NULL);
    uv_close((uv_handle_t *)&load->stall, NULL);
    if (load->clock_fd >= 0) {
        uv_close((uv_handle_t *)&load->clock, NULL);
    }
}

static void load_fail(struct load *load, const struct err *err)
{
    if (load->phase != PHASE_CLOSE) {
        *load->err = *err;
        load->rc = -1;
        load_close(load);
    }
}

static bool mark(struct load *load, enum load_mark mark)
{
    struct err err;

    if (load->options->on_mark != NULL &&
        load->options->on_mark(load->options->user, mark, &err) != 0) {
        load_fail(load, &err);
        return false;
    }
    return true;
}

static bool is_running(const struct load *load)
{
    return load->phase == PHASE_WARM || load->phase == PHASE_COUNT;
}

/* Begins one operation; `start_ns` 0: when the connection begins, or now. */
static void begin(struct load *load, struct caller *caller, uint64_t start_ns)
{
    struct err err;

    load->in_flight++;
    if (!load->options->churn) {
        caller_ask(caller, start_ns != 0 ? start_ns : uv_hrtime());
        return;
    }
    caller->start_ns = start_ns;
    if (caller_open(caller, &err) != 0) {
        load_fail(load, &err);
    }
}

static void set_clock(struct load *load)
{
    uint64_t next = arrivals_next(&load->arrivals);
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(next / SECOND), .tv_nsec = (long)(next % SECOND)}};

    if (load->free_num > 0 && next < load->ends_ns) {
        (void)timerfd_settime(load->clock_fd, TFD_TIMER_ABSTIME, &when, NULL); /* valid by form */
    }
}

/* Open loop: begins what is due, as far as there are connections for it. */
static void dispatch(struct load *load)
{
    uint64_t now = uv_hrtime();
    uint64_t due = 0;

    while (load->phase != PHASE_CLOSE && load->free_num > 0 &&
           arrivals_next(&load->arrivals) < load->ends_ns &&
           arrivals_take(&load->arrivals, now, &due)) {
        struct caller *caller = load->free[load->free_first];

        load->free_first = (load->free_first + 1) % load->free_cap;
        load->free_num--;
        begin(load, caller, due);
        caller_flush(caller);
    }
    if (load->phase != PHASE_CLOSE) {
        set_clock(load);
    }
}

static void release(struct load *load, struct caller *caller)
{
    assert(load->free_num < load->free_cap);
    load->free[(load->free_first + load->free_num) % load->free_cap] = caller;
    load->free_num++;
}

static void on_clock(uv_poll_t *poll, int status, int events)
{
    struct load *load = poll->data;
    uint64_t expirations = 0;

    if (read(load->clock_fd, &expirations, sizeof(expirations)) > 0) {
        dispatch(load);
    }
}

/* Whether all that was to begin has begun and ended. */
static void drain(struct load *load)
{
    bool is_due = load->options->rate > 0 && arrivals_next(&load->arrivals) < load->ends_ns;

    if (load->phase == PHASE_DRAIN && load->in_flight == 0 && !is_due) {
        load_close(load);
    }
}

/* A slot for a request is free. */
static void proceed(struct load *load, struct caller *caller)
{
    if (load->options->rate > 0) {
        release(load, caller);
        dispatch(load);
    } else if (is_running(load)) {
        begin(load, caller, 0);
    }
    drain(load);
}

static void on_time(uv_timer_t *timer);

static void load_start(struct load *load)
{
    const struct load_options *options = load->options;
    struct caller *busy = load->callers + options->idle;

    load->phase = PHASE_WARM;
    load->arrivals = (struct arrivals){.begin_ns = uv_hrtime(), .rate = options->rate};
    uv_update_time(&load->loop);
    uv_timer_start(&load->timer, on_time, options->warm_up_ms, 0);
    for (size_t slot = 0; slot < options->pipeline; slot++) {
        for (size_t i = 0; i < options->connections && load->phase == PHASE_WARM; i++) {
            if (options->rate > 0) {
                release(load, &busy[i]);
            } else {
                begin(load, &busy[i], 0);
            }
        }
    }
    for (size_t i = 0; i < options->connections && !options->churn; i++) {
        caller_flush(&busy[i]);
    }
    if (options->rate > 0) {
        dispatch(load);
    }
}

/* Opens some more connections of this phase, or goes on if all are there. */
static void load_open_more(struct load *load)
{
    const struct load_options *options = load->options;
    bool holds = load->phase == PHASE_HOLD;
    size_t want = holds ? options->idle : options->churn ? 0 : options->connections;

    while (load->num_begun < want && load->num_begun - load->num_open < OPENING_MAX) {
        struct caller *caller = &load->callers[load->num_begun + (holds ? 0 : options->idle)];
        struct err err;

        load->num_begun++;
        if (caller_open(caller, &err) != 0) {
            err_wrap(&err, "connection %zu", load->num_begun);
            load_fail(load, &err);
            return;
        }
    }
    if (load->num_open < want) {
        return;
    }
    if (holds && want > 0) {
        load->phase = PHASE_SETTLE;
        uv_update_time(&load->loop);
        uv_timer_start(&load->timer, on_time, options->settle_ms, 0);
        return;
    }
    load_start(load);
}

static void load_open_busy(struct load *load)
{
    load->phase = PHASE_OPEN;
    load->num_begun = 0;
    load->num_open = 0;
    load_open_more(load);
}

/* What is due has to be waited for, but a rate far out of reach must not make a turn endless. */
static uint64_t drain_ms(const struct load_options *options)
{
    return options->time_ms + options->stall_ms;
}

static void start_drain(struct load *load)
{
    if (load->options->rate > 0) {
        uv_update_time(&load->loop);
        uv_timer_start(&load->timer, on_time, drain_ms(load->options), 0);
    }
    drain(load);
}

static void fail_late(struct load *load)
{
    struct err err;

    err_set(&err, ERR_TIMEOUT,
            "%" PRIu64 " requests a second are too many: %" PRIu64 " ms later some still wait",
            load->options->rate, drain_ms(load->options));
    load_fail(load, &err);
}

static void on_time(uv_timer_t *timer)
{
    struct load *load = timer->data;

    if (load->phase == PHASE_SETTLE) {
        if (mark(load, LOAD_SETTLED)) {
            load_open_busy(load);
        }
    } else if (load->phase == PHASE_WARM) {
        if (mark(load, LOAD_BEGIN)) {
            load->phase = PHASE_COUNT;
            load->counts_ns = uv_hrtime();
            uv_update_time(&load->loop);
            uv_timer_start(&load->timer, on_time, load->options->time_ms, 0);
        }
    } else if (load->phase == PHASE_COUNT) {
        load->ends_ns = uv_hrtime();
        load->phase = PHASE_DRAIN;
        load->result->elapsed_ns = load->ends_ns - load->counts_ns;
        if (mark(load, LOAD_END)) {
            start_drain(load);
        }
    } else if (load->phase == PHASE_DRAIN) {
        fail_late(load);
    }
}

static void on_stall(uv_timer_t *timer)
{
    struct load *load = timer->data;
    bool waits = load->in_flight > 0 || load->num_begun > load->num_open;
    struct err err;

    if (waits && load->progress == load->progress_seen) {
        err_set(&err, ERR_TIMEOUT, "no reply for %" PRIu64 " ms", load->options->stall_ms);
        load_fail(load, &err);
    }
    load->progress_seen = load->progress;
}

static void on_open(struct caller *caller)
{
    struct load *load = caller->group->user;

    load->progress++;
    if (load->phase == PHASE_CLOSE) {
        return;
    }
    if (caller->role == ROLE_IDLE) {
        caller_ask(caller, uv_hrtime()); /* it is open once this has been answered */
    } else if (load->options->churn) {
        caller_ask(caller, caller->start_ns != 0 ? caller->start_ns : caller->opened_ns);
    } else {
        load->num_open++;
        load_open_more(load);
    }
}

static void on_reply(struct caller *caller, uint64_t start_ns)
{
    struct load *load = caller->group->user;

    load->progress++;
    if (load->phase == PHASE_CLOSE) {
        return;
    }
    if (caller->role == ROLE_IDLE) {
        load->num_open++;
        load_open_more(load);
        return;
    }
    load->in_flight--;
    if (start_ns >= load->counts_ns) {
        latency_add(&load->result->latency, uv_hrtime() - start_ns);
    }
    if (load->phase == PHASE_COUNT) {
        load->result->operations++;
    }
    if (load->options->churn) {
        caller_close(caller); /* on_closed goes on */
        drain(load);
    } else {
        proceed(load, caller);
    }
}

static void on_failed(struct caller *caller, const struct err *err)
{
    struct load *load = caller->group->user;
    struct err wrapped = *err;

    if (load->phase == PHASE_HOLD || load->phase == PHASE_OPEN) {
        size_t first = load->phase == PHASE_HOLD ? 0 : load->options->idle;

        err_wrap(&wrapped, "connection %zu", (size_t)(caller - load->callers) - first + 1);
    }
    load_fail(load, &wrapped);
}

static void on_closed(struct caller *caller)
{
    struct load *load = caller->group->user;

    if (load->phase != PHASE_CLOSE) {
        proceed(load, caller);
    }
}

static const struct caller_callbacks callbacks = {
    .on_open = on_open,
    .on_reply = on_reply,
    .on_failed = on_failed,
    .on_closed = on_closed,
};

static int make_callers(struct load *load)
{
    const struct load_options *options = load->options;
    size_t num = options->idle + options->connections;

    load->callers = calloc(num, sizeof(*load->callers));
    load->free_cap = options->connections * options->pipeline;
    load->free = calloc(load->free_cap, sizeof(*load->free)); /* of pointers */
    if (load->callers == NULL || load->free == NULL) {
        return err_set(load->err, ERR_LIMIT, "out of memory");
    }
    while (load->num_callers < num) {
        struct caller *caller = &load->callers[load->num_callers];

        if (caller_init(caller, &load->group, load->err) != 0) {
            return -1;
        }
        caller->role = load->num_callers < options->idle ? ROLE_IDLE : ROLE_BUSY;
        load->num_callers++;
    }
    return 0;
}

/* The handles that a turn has whatever happens. */
static int make_handles(struct load *load)
{
    if (load->options->rate > 0) {
        load->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (load->clock_fd < 0) {
            return err_set_errno(load->err, ERR_LIMIT, errno, "timerfd");
        }
        if (uv_poll_init(&load->loop, &load->clock, load->clock_fd) != 0) {
            close(load->clock_fd);
            load->clock_fd = -1;
            return err_set(load->err, ERR_LIMIT, "poll");
        }
        load->clock.data = load;
        uv_poll_start(&load->clock, UV_READABLE, on_clock);
    }
    uv_timer_init(&load->loop, &load->timer);
    uv_timer_init(&load->loop, &load->stall);
    load->timer.data = load;
    load->stall.data = load;
    uv_timer_start(&load->stall, on_stall, load->options->stall_ms, load->options->stall_ms);
    return 0;
}

static void load_run_loop(struct load *load)
{
    if (load->options->idle == 0) {
        load_open_busy(load);
    } else {
        load_open_more(load);
    }
    uv_run(&load->loop, UV_RUN_DEFAULT);
}

int load_run(const struct load_options *options, struct load_result *result, struct err *err)
{
    struct load load = {.options = options,
                        .result = result,
                        .err = err,
                        .phase = PHASE_HOLD,
                        .clock_fd = -1,
                        .counts_ns = UINT64_MAX,
                        .ends_ns = UINT64_MAX};

    result->operations = 0;
    result->elapsed_ns = 0;
    if (uv_loop_init(&load.loop) != 0) {
        return err_set(err, ERR_LIMIT, "event loop");
    }
    load.group = (struct caller_group){.loop = &load.loop,
                                       .address = options->address,
                                       .exchange = options->exchange,
                                       .client = options->client,
                                       .server_name = options->server_name,
                                       .pipeline = options->pipeline,
                                       .callbacks = &callbacks,
                                       .user = &load};
    load.rc = caller_group_init(&load.group, err);
    if (load.rc == 0) {
        load.rc = make_callers(&load);
    }
    if (load.rc == 0) {
        load.rc = make_handles(&load);
    }
    if (load.rc == 0) {
        load_run_loop(&load);
    }
    for (size_t i = 0; i < load.num_callers; i++) {
        caller_deinit(&load.callers[i]);
    }
    if (load.clock_fd >= 0) {
        close(load.clock_fd);
    }
    free(load.callers);
    free(load.free);
    caller_group_deinit(&load.group);
    uv_loop_close(&load.loop);
    return load.rc;
}
