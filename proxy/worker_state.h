/*
 * Worker_state: the inside of a worker, for the files that implement it: worker.c (its loop) and
 * worker_life.c (its start and its end).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/conn_shared.h"
#include "proxy/pause.h"
#include "proxy/pulse.h"
#include "proxy/vigil.h"
#include "proxy/worker.h"
#include "proxy/worker_place.h"

struct worker {
    uv_loop_t loop;
    uv_thread_t thread;
    size_t index; /* the first logs and counts what the clocks did, for all */
    uv_async_t inbox;
    uv_timer_t tick;
    uv_prepare_t begin;
    uv_check_t turn;
    uv_idle_t recheck; /* active while marked connections are left */
    struct conn_shared shared;
    struct worker_limits limits;
    struct worker_place *places[BERTHS_MAX]; /* NULL: empty */
    void (*on_change)(void *arg);
    void *on_change_arg;
    struct log_ring *log;

    uv_mutex_t lock; /* the control thread's orders: */
    struct generation *next_generation;
    struct worker_change *next_change; /* comes first */
    uint64_t drain_before;             /* see worker_limit_tenures() */
    uint64_t cut_before;
    bool drain;
    bool stop;
    bool left;         /* the thread has come to its end; under the lock, too */
    uv_cond_t leaving; /* `left` has changed */
    bool joined;       /* for the control thread */

    struct pause_clocks clocks; /* at the last tick */
    struct pulse pulse;
    struct vigil vigil;
    bool stays_awake;
    uint64_t drain_from_ms; /* 0: not draining */
    bool cut;               /* the drain deadline reset some */
    bool stopping;

    _Atomic uint64_t generation_number;
    _Atomic unsigned state; /* enum worker_state */
};

/* worker.c */

/* What the loop calls, and the handles that cannot fail to start. */
void worker_start_handles(struct worker *worker);

/* Sets what place `i` needs of its loop and starts its socket, if one was opened for it; a negative
   errno if libuv fails. */
int worker_occupy(struct worker *worker, size_t i);

void worker_on_inbox(uv_async_t *async);

/* Resets what is left and closes all handles. */
void worker_end(struct worker *worker);

struct pause_clocks worker_read_clocks(const struct worker *worker);
