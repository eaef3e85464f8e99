/*
 * Worker: one data thread: a libuv loop, listeners, connections, buffers and counters of its own.
 *
 * The control thread starts it, hands it new generations, reads its counters and ends it; all
 * functions here are for the control thread.  Nothing mutable is shared but atomics and an inbox.
 * UV_THREADPOOL_SIZE (look-ups of names) is the program's business.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/sockets.h"
#include "proxy/berths.h"
#include "proxy/conn.h"
#include "proxy/counters.h"
#include "proxy/entrance.h"
#include "proxy/generation.h"

struct err;
struct log_ring;
struct pulse;
struct worker; /* opaque */

/* One [ingress NAME] or [egress NAME]. */
struct worker_route {
    struct conn_route conn;
    struct sockets_address listen; /* port 0: the kernel chooses */
    struct entrance *entrance;     /* NULL: each worker makes a socket for `listen`; borrowed */
    struct entrance_options door;  /* to open one later, if `listen` is no IP address */
    uint8_t settings_digest[BERTH_DIGEST_LEN]; /* see struct berth_route */
    uint8_t door_digest[BERTH_DIGEST_LEN];
};

struct worker_limits {
    size_t handshakes_max; /* in each direction */
    size_t buffer_memory;  /* bytes of pooled chunks */
    size_t lookups_max;    /* of names, at one time */
    uint64_t drain_delay_ms;
    uint64_t drain_timeout_ms;
};

struct worker_options {
    const struct worker_route *routes; /* copied, with the texts in them; route i has place i */
    size_t num_routes;                 /* 1 to BERTHS_MAX */
    struct worker_limits limits;
    struct generation *generation; /* the first one, often without an identity; referenced */
    struct counters *counters;     /* written by the worker; borrowed, must outlive it */
    struct census *census;         /* shared by all workers; borrowed likewise */
    struct log_ring *log;       /* of its lines; NULL: it writes them itself; borrowed likewise */
    bool stays_awake;           /* for a moment before it sleeps, as long as that pays */
    size_t index;               /* 0 to num_siblings - 1 */
    size_t num_siblings;        /* workers of the process, this one included */
    const struct worker *first; /* whose addresses to share; NULL for that one itself */
    /* Called on the worker's thread when worker_state() has changed; may only wake the control
       thread (uv_async_send).  May be NULL. */
    void (*on_change)(void *arg);
    void *on_change_arg;
};

enum worker_state {
    WORKER_RUNNING,
    WORKER_DRAINING,
    WORKER_DRAINED,   /* no connection left, listeners closed */
    WORKER_CUT_SHORT, /* as above, but the drain deadline reset some */
};

/* Binds the listeners here, so that an address in use is an error here, and starts the thread.
   NULL on failure. */
struct worker *worker_start(const struct worker_options *options, struct err *err);

/* New connections use `generation` (referenced) from now on; live ones are judged once more. */
void worker_set_generation(struct worker *worker, struct generation *generation);

/* What a reload makes of a worker: places that get a route, sockets that go on in another place or
   are closed, limits.  Filled on the control thread, where what can fail is done. */
struct worker_change; /* opaque */

/* A change with nothing in it but `plan` (copied).  NULL: out of memory. */
struct worker_change *worker_change_new(const struct berth_plan *plan,
                                        const struct worker_limits *limits);
void worker_change_free(struct worker_change *change); /* accepts NULL */

/* The empty place `place` gets `route` (copied).  If the plan has no socket for it, one is opened:
   at its entrance, or at `listen`.  -1: a socket cannot be had. */
MUST_CHECK int worker_change_add(struct worker_change *change, size_t place,
                                 const struct worker_route *route,
                                 const struct sockets_address *listen, struct err *err);

/* The address of the socket that was opened for `place`. */
struct sockets_address worker_change_address(const struct worker_change *change, size_t place);

/* As worker_set_generation(), but first comes `change` (taken).  Not before the last change has
   been acknowledged. */
void worker_apply(struct worker *worker, struct worker_change *change,
                  struct generation *generation);

/* From now on connections whose context is of a tenure before `drain_before` have the time of a
   drain to end, and those of one before `cut_before` end at once. */
void worker_limit_tenures(struct worker *worker, uint64_t drain_before, uint64_t cut_before);

/* Number of the generation in use, for the acknowledgement of a reload. */
uint64_t worker_generation(const struct worker *worker);

/* Starts the drain; worker_state() tells when it is over. */
void worker_drain(struct worker *worker);

/* Resets what is left, ends and joins the thread, frees.  Blocks until then, for seconds if its
   loop hangs.  False: not yet, because look-ups of names are under way (the thread and what it used
   are gone) or the loop hangs; it may be called again, without a wait.  Accepts NULL. */
bool worker_stop(struct worker *worker);

enum worker_state worker_state(const struct worker *worker);

/* How its loop is, for the lifetime of the worker. */
const struct pulse *worker_pulse(const struct worker *worker);

/* The address that route `route` of the start really listens on; before the first change. */
struct sockets_address worker_address(const struct worker *worker, size_t route);
