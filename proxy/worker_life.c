/*
 * Worker_life: a worker's start and its end.
 *
 * An end waits for everything but look-ups of names: nobody can end a getaddrinfo() that has begun,
 * and it may take minutes.  While one is under way the loop cannot be closed, nor the resolver
 * freed: both then stay.
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/log_ring.h"
#include "proxy/peer_cache.h"
#include "proxy/worker_state.h"

#define WORKER_YIELD_NS 3000                    /* a yield to nobody takes less */
#define WORKER_PATIENCE_NS UINT64_C(5000000000) /* with a thread that is told to end */

static void worker_on_handle(uv_handle_t *handle, void *arg)
{
    bool *found = arg;

    *found = true;
}

static bool worker_has_handles(struct worker *worker)
{
    bool found = false;

    uv_walk(&worker->loop, worker_on_handle, &found);
    return found;
}

/* Lets others have the processor; true if somebody wanted it, such as the application that is being
   waited for. */
static bool worker_yield(void)
{
    uint64_t from_ns = uv_hrtime();

    sched_yield();
    return uv_hrtime() - from_ns > WORKER_YIELD_NS;
}

/* Turns the loop without sleeping until a connection has had an event; false if that took too long,
   or others have a use for the processor. */
static bool worker_wait_awake(struct worker *worker)
{
    const struct conn_shared *shared = &worker->shared;
    uint64_t from_ns = uv_hrtime();
    uint64_t waited_ns = 0; /* without the turn that ended it */
    bool wanted = false;

    do {
        waited_ns = uv_hrtime() - from_ns;
        wanted = worker_yield();
        (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
    } while (!wanted && shared->heard == CONN_HEARD_NOBODY && waited_ns < VIGIL_NS);
    pulse_wait_awake(&worker->pulse, waited_ns);
    return !wanted && shared->heard != CONN_HEARD_NOBODY;
}

/* Turns the loop without sleeping as long as something comes soon enough.  A loop that has ended
   turns no more: what it has heard last would be news for ever. */
static void worker_stay_awake(struct worker *worker)
{
    const struct conn_shared *shared = &worker->shared;

    while (worker->stays_awake && !worker->stopping && shared->heard != CONN_HEARD_NOBODY) {
        enum vigil_for what = shared->heard == CONN_HEARD_APP ? VIGIL_FOR_PEERS : VIGIL_FOR_APPS;

        if (!vigil_begin(&worker->vigil, what)) {
            return;
        }
        vigil_end(&worker->vigil, what, worker_wait_awake(worker));
    }
}

/* The loop turns until it is stopped, then until nothing is left but requests on the thread pool.
 */
static void worker_main(void *arg)
{
    struct worker *worker = arg;
    char name[32] = "";

    (void)snprintf(name, sizeof(name), "worker-%zu", worker->index);
    (void)pthread_setname_np(pthread_self(), name); /* for top(1) and the like, nothing else */
    if (worker->log != NULL) {
        log_divert(log_ring_put, worker->log);
    }
    do {
        worker_stay_awake(worker);
    } while (!worker->stopping && uv_run(&worker->loop, UV_RUN_ONCE) != 0);
    while (worker_has_handles(worker)) {
        (void)uv_run(&worker->loop, UV_RUN_ONCE);
    }
    uv_mutex_lock(&worker->lock);
    worker->left = true;
    uv_cond_signal(&worker->leaving);
    uv_mutex_unlock(&worker->lock);
}

/* Everything that is neither a handle nor a descriptor. */
static int worker_init_shared(struct worker *worker, const struct worker_options *options,
                              struct err *err)
{
    struct conn_shared *shared = &worker->shared;

    shared->loop = &worker->loop;
    shared->counters = options->counters;
    shared->census = options->census;
    shared->next_id = options->index + 1;
    shared->id_step = options->num_siblings;
    shared->generation = generation_ref(options->generation);
    shared->arg = worker;
    shared->ticked_ms = uv_now(&worker->loop);
    shared->expiry = INT64_MAX;
    shared->drain_ms = options->limits.drain_timeout_ms;
    worker->clocks = worker_read_clocks(worker);
    pulse_init(&worker->pulse, worker->clocks.loop_ms);
    worker->index = options->index;
    worker->stays_awake = options->stays_awake;
    chunk_pool_init(&shared->pool, options->limits.buffer_memory);
    shared->resolver = resolver_new(&worker->loop, BERTHS_MAX, options->limits.lookups_max);
    shared->peers = peer_cache_new();
    shared->cipher_in = malloc(CONN_CIPHER_IN_CAP);
    shared->plain = malloc(CONN_PLAIN_CAP);
    shared->cipher_out = malloc(CONN_CIPHER_OUT_CAP);
    if (shared->resolver == NULL || shared->peers == NULL || shared->cipher_in == NULL ||
        shared->plain == NULL || shared->cipher_out == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    return 0;
}

/* The places of the start, with a socket each.  `options->first` is the worker whose addresses this
   one is to share; NULL: there is none yet. */
static int worker_open_places(struct worker *worker, const struct worker_options *options,
                              struct err *err)
{
    for (size_t i = 0; i < options->num_routes; i++) {
        const struct worker_route *route = &options->routes[i];
        struct sockets_address address =
            options->first != NULL ? worker_address(options->first, i) : route->listen;

        worker->places[i] = worker_place_new(&route->conn, err);
        if (worker->places[i] == NULL ||
            worker_place_open(worker->places[i], route->entrance, &address, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Frees what only the thread used, keys and buffers before all. */
static void worker_release(struct worker *worker)
{
    struct conn_shared *shared = &worker->shared;

    for (size_t i = 0; i < BERTHS_MAX; i++) {
        worker_place_free(worker->places[i]);
    }
    worker_change_free(worker->next_change);
    peer_cache_free(shared->peers);
    chunk_pool_deinit(&shared->pool);
    generation_unref(shared->generation);
    generation_unref(worker->next_generation);
    free(shared->cipher_in);
    free(shared->plain);
    free(shared->cipher_out);
}

/* The rest, if the loop is empty. */
static bool worker_free(struct worker *worker)
{
    (void)uv_run(&worker->loop, UV_RUN_NOWAIT); /* look-ups that were cancelled, or have ended */
    if (uv_loop_close(&worker->loop) != 0) {
        return false;
    }
    resolver_free(worker->shared.resolver);
    uv_cond_destroy(&worker->leaving);
    uv_mutex_destroy(&worker->lock);
    free(worker);
    return true;
}

/* A negative errno, and nothing is left of it. */
static int worker_init_loop(struct worker *worker)
{
    int rc = uv_mutex_init(&worker->lock);

    if (rc != 0) {
        return rc;
    }
    rc = uv_cond_init(&worker->leaving);
    if (rc == 0) {
        rc = uv_loop_init(&worker->loop);
        if (rc == 0) {
            return 0;
        }
        uv_cond_destroy(&worker->leaving);
    }
    uv_mutex_destroy(&worker->lock);
    return rc;
}

struct worker *worker_start(const struct worker_options *options, struct err *err)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    int rc = 0;

    assert(options->num_routes > 0 && options->num_routes <= BERTHS_MAX);
    if (worker == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    worker->limits = options->limits;
    worker->on_change = options->on_change;
    worker->on_change_arg = options->on_change_arg;
    worker->log = options->log;
    rc = worker_init_loop(worker);
    if (rc != 0) {
        free(worker);
        err_set_errno(err, ERR_LIMIT, -rc, "event loop");
        return NULL;
    }
    if (worker_init_shared(worker, options, err) != 0 ||
        worker_open_places(worker, options, err) != 0) {
        goto failed;
    }
    worker->generation_number = generation_number(options->generation);
    rc = uv_async_init(&worker->loop, &worker->inbox, worker_on_inbox);
    if (rc != 0) {
        err_set_errno(err, ERR_LIMIT, -rc, "event loop");
        goto failed;
    }
    worker->inbox.data = worker;
    worker_start_handles(worker);
    for (size_t i = 0; rc == 0 && i < options->num_routes; i++) {
        rc = worker_occupy(worker, i);
    }
    if (rc == 0) {
        rc = uv_thread_create(&worker->thread, worker_main, worker);
    }
    if (rc == 0) {
        return worker;
    }
    err_set_errno(err, ERR_LIMIT, -rc, "data thread");
    worker_end(worker);
failed:
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    worker_release(worker);
    (void)worker_free(worker); /* nobody has been looked up */
    return NULL;
}

/* False: the thread is not at its end in time. */
static bool worker_join(struct worker *worker)
{
    uint64_t end_ns = 0; /* who asks again does not wait again */
    bool left = false;

    uv_mutex_lock(&worker->lock);
    if (!worker->stop) {
        worker->stop = true;
        end_ns = uv_hrtime() + WORKER_PATIENCE_NS;
        (void)uv_async_send(&worker->inbox);
    }
    for (uint64_t now_ns = uv_hrtime(); !worker->left && now_ns < end_ns; now_ns = uv_hrtime()) {
        (void)uv_cond_timedwait(&worker->leaving, &worker->lock, end_ns - now_ns);
    }
    left = worker->left;
    uv_mutex_unlock(&worker->lock);
    if (left) {
        (void)uv_thread_join(&worker->thread);
    }
    return left;
}

bool worker_stop(struct worker *worker)
{
    if (worker == NULL) {
        return true;
    }
    if (!worker->joined) {
        worker->joined = worker_join(worker);
        if (!worker->joined) {
            return false;
        }
        worker_release(worker);
    }
    return worker_free(worker);
}
