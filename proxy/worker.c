/*
 * Worker: its loop, its tick and its inbox.  Decides nothing about a connection.
 */
#include "proxy/worker.h"

#include <assert.h>
#include <stdatomic.h>
#include <time.h>

#include <uv.h>

#include "common/log.h"
#include "proxy/census.h"
#include "proxy/conn.h"
#include "proxy/conn_clock.h"
#include "proxy/listener.h"
#include "proxy/peer_cache.h"
#include "proxy/worker_state.h"

#define WORKER_TICK_MS 100
#define WORKER_RECHECK_MAX 256 /* connections judged per turn of the loop */

static void worker_tell(const struct worker *worker)
{
    if (worker->on_change != NULL) {
        worker->on_change(worker->on_change_arg);
    }
}

static void worker_set_state(struct worker *worker, enum worker_state state)
{
    if (atomic_load(&worker->state) != (unsigned)state) {
        atomic_store(&worker->state, (unsigned)state);
        worker_tell(worker);
    }
}

static void worker_close_listeners(struct worker *worker, bool egress)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (worker->places[i] != NULL && worker->places[i]->route.egress == egress) {
            worker_place_close(worker->places[i]);
        }
    }
}

static bool worker_listens(const struct worker *worker)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (worker->places[i] != NULL && worker->places[i]->listener != NULL) {
            return true;
        }
    }
    return false;
}

/* The drain, as far as it has come: ingress first, egress while ingress, in this worker or another,
   may still need it. */
static void worker_go_on_draining(struct worker *worker)
{
    uint64_t gone_ms = uv_now(&worker->loop) - worker->drain_from_ms;
    struct conn_shared *shared = &worker->shared;

    if (worker->drain_from_ms == 0 || gone_ms < worker->limits.drain_delay_ms) {
        return;
    }
    worker_close_listeners(worker, false);
    if (census_ingress_over(shared->census)) {
        worker_close_listeners(worker, true);
    }
    if (gone_ms - worker->limits.drain_delay_ms >= worker->limits.drain_timeout_ms) {
        worker_close_listeners(worker, true);
        worker->cut = worker->cut || shared->num_conns > 0;
        conn_abort_all(shared, REASON_DRAIN);
    }
    if (shared->num_conns == 0 && !worker_listens(worker)) {
        worker_set_state(worker, worker->cut ? WORKER_CUT_SHORT : WORKER_DRAINED);
    }
}

static int64_t worker_clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct pause_clocks worker_read_clocks(const struct worker *worker)
{
    return (struct pause_clocks){
        .loop_ms = (int64_t)uv_now(&worker->loop),
        .boot_ms = worker_clock_ms(CLOCK_BOOTTIME),
        .wall_ms = worker_clock_ms(CLOCK_REALTIME),
    };
}

/* What others count, for whoever reads the counters. */
static void worker_note_counts(struct worker *worker)
{
    struct conn_shared *shared = &worker->shared;
    struct peer_cache_usage usage = peer_cache_usage(shared->peers);

    counter_set(shared->counters, COUNTER_BUFFER_BYTES, shared->pool.num_used * CHUNK_LEN);
    counter_set(shared->counters, COUNTER_PEER_CACHE_HIT, usage.num_hits);
    counter_set(shared->counters, COUNTER_PEER_CACHE_MISS, usage.num_misses);
}

/* Time that nobody could use counts against nobody. */
static void worker_look_at_clocks(struct worker *worker)
{
    struct pause_clocks now = worker_read_clocks(worker);
    struct pause pause = pause_between(&worker->clocks, &now, WORKER_TICK_MS);

    pulse_beat(&worker->pulse, now.loop_ms, now.loop_ms - worker->clocks.loop_ms - WORKER_TICK_MS);
    worker->clocks = now;
    if (pause_is_none(&pause)) {
        return;
    }
    if (worker->index == 0) {
        counter_add(worker->shared.counters, COUNTER_TIME_JUMPS, 1);
        log_warn("time.jumped", kv_num("stalled_ms", pause.stalled_ms),
                 kv_num("slept_ms", pause.slept_ms), kv_num("stepped_ms", pause.stepped_ms));
    }
    conn_postpone_all(&worker->shared, (uint64_t)pause.stalled_ms);
    if (worker->drain_from_ms != 0) {
        worker->drain_from_ms = pause_postpone(worker->drain_from_ms, (uint64_t)pause.stalled_ms,
                                               uv_now(&worker->loop));
    }
}

static void worker_tick_listeners(struct worker *worker)
{
    const struct counters *counters = worker->shared.counters;
    uint64_t failed = counter_get(counters, COUNTER_LISTENERS_FAILED);

    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (worker->places[i] != NULL && worker->places[i]->listener != NULL) {
            listener_tick(worker->places[i]->listener);
        }
    }
    if (counter_get(counters, COUNTER_LISTENERS_FAILED) != failed) {
        worker_tell(worker); /* readiness is a matter of it */
    }
}

static void worker_tick(struct worker *worker)
{
    worker_look_at_clocks(worker);
    conn_tick_all(&worker->shared);
    chunk_pool_trim(&worker->shared.pool);
    worker_note_counts(worker);
    worker_tick_listeners(worker);
    worker_go_on_draining(worker);
}

static void worker_on_tick(uv_timer_t *timer)
{
    worker_tick(timer->data);
}

static void worker_on_late(void *arg)
{
    worker_tick(arg);
}

static void worker_on_begin(uv_prepare_t *prepare)
{
    struct worker *worker = prepare->data;

    conn_turn(&worker->shared);
}

static void worker_on_turn(uv_check_t *check)
{
    struct worker *worker = check->data;

    counter_add(worker->shared.counters, COUNTER_LOOP_TURNS, 1);
}

static void worker_on_recheck(uv_idle_t *idle)
{
    struct worker *worker = idle->data;

    if (!conn_recheck(&worker->shared, WORKER_RECHECK_MAX)) {
        uv_idle_stop(idle);
    }
}

static void worker_resume_listeners(struct worker *worker)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (worker->places[i] != NULL && worker->places[i]->listener != NULL) {
            listener_resume(worker->places[i]->listener);
        }
    }
}

static void worker_on_freed(void *arg)
{
    worker_resume_listeners(arg);
}

static void worker_adopt(struct worker *worker, struct generation *generation)
{
    generation_unref(worker->shared.generation);
    worker->shared.generation = generation;
    conn_mark_all(&worker->shared);
    uv_idle_start(&worker->recheck, worker_on_recheck);
    worker_resume_listeners(worker); /* before it is told that this generation is in use */
    atomic_store(&worker->generation_number, generation_number(generation));
    worker_tell(worker);
}

int worker_occupy(struct worker *worker, size_t i)
{
    struct worker_place *place = worker->places[i];
    struct conn_route *route = &place->route;
    int rc = 0;

    resolver_set(worker->shared.resolver, i, route->host, route->port);
    if (route->egress && route->sni == NULL && !resolver_is_number(worker->shared.resolver, i)) {
        route->sni = route->host;
    }
    if (place->listener != NULL) {
        rc = listener_start(place->listener, &worker->shared, i, worker->limits.handshakes_max);
    }
    return rc;
}

/* First every socket is where it goes on, then those that are left are closed. */
static void worker_take_change(struct worker *worker, struct worker_change *change)
{
    const struct berth_plan *plan = &change->plan;
    int rc = 0;

    worker->limits = change->limits;
    worker->shared.drain_ms = change->limits.drain_timeout_ms;
    chunk_pool_set_bound(&worker->shared.pool, change->limits.buffer_memory);
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (change->places[i] != NULL) {
            worker_place_free(worker->places[i]); /* of connections that are gone */
            worker->places[i] = change->places[i];
            change->places[i] = NULL;
            rc = worker_occupy(worker, i);
        }
        if (rc != 0) { /* too late to go back: what is left goes on without this one */
            log_error("listener.failed", kv_text("name", worker->places[i]->route.name),
                      kv_text("error", uv_strerror(rc)));
            worker_place_close(worker->places[i]);
            rc = 0;
        }
    }
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        struct worker_place *place = worker->places[i];
        size_t from = plan->door_from[i];

        if (plan->accepts[i] && from != BERTH_NONE && worker->places[from]->listener != NULL) {
            struct listener *listener = worker->places[from]->listener;

            worker->places[from]->listener = NULL;
            place->listener = listener;
            listener_move(listener, &place->route, i, worker->limits.handshakes_max);
        }
    }
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (worker->places[i] != NULL && !plan->accepts[i]) {
            worker_place_close(worker->places[i]);
        }
    }
    worker_change_free(change);
}

void worker_end(struct worker *worker)
{
    worker->stopping = true;
    worker_close_listeners(worker, false);
    worker_close_listeners(worker, true);
    conn_abort_all(&worker->shared, REASON_DRAIN);
    resolver_stop(worker->shared.resolver);
    uv_close((uv_handle_t *)&worker->tick, NULL);
    uv_close((uv_handle_t *)&worker->begin, NULL);
    uv_close((uv_handle_t *)&worker->turn, NULL);
    uv_close((uv_handle_t *)&worker->recheck, NULL);
    uv_close((uv_handle_t *)&worker->inbox, NULL);
}

void worker_on_inbox(uv_async_t *async)
{
    struct worker *worker = async->data;
    struct generation *generation = NULL;
    struct worker_change *change = NULL;
    bool drain = false;
    bool stop = false;

    uv_mutex_lock(&worker->lock);
    generation = worker->next_generation;
    worker->next_generation = NULL;
    change = worker->next_change;
    worker->next_change = NULL;
    drain = worker->drain;
    stop = worker->stop;
    worker->shared.drain_before = worker->drain_before;
    worker->shared.cut_before = worker->cut_before;
    uv_mutex_unlock(&worker->lock);

    if (change != NULL && (worker->drain_from_ms != 0 || worker->stopping)) {
        worker_change_free(change);
        change = NULL;
    }
    if (change != NULL) {
        worker_take_change(worker, change);
    }
    if (generation != NULL) {
        worker_adopt(worker, generation);
    }
    if (drain && worker->drain_from_ms == 0 && !stop) {
        worker->drain_from_ms = uv_now(&worker->loop);
        worker_set_state(worker, WORKER_DRAINING);
        worker_go_on_draining(worker);
    }
    if (stop && !worker->stopping) {
        worker_end(worker);
        uv_stop(&worker->loop); /* see worker_main() */
    }
}

void worker_start_handles(struct worker *worker)
{
    /* Of these only the inbox can fail, and it was made before. */
    (void)uv_timer_init(&worker->loop, &worker->tick);
    (void)uv_prepare_init(&worker->loop, &worker->begin);
    (void)uv_check_init(&worker->loop, &worker->turn);
    (void)uv_idle_init(&worker->loop, &worker->recheck);
    worker->shared.on_freed = worker_on_freed;
    worker->shared.on_late = worker_on_late;
    worker->tick.data = worker;
    worker->begin.data = worker;
    worker->turn.data = worker;
    worker->recheck.data = worker;
    (void)uv_timer_start(&worker->tick, worker_on_tick, WORKER_TICK_MS, WORKER_TICK_MS);
    (void)uv_prepare_start(&worker->begin, worker_on_begin);
    (void)uv_check_start(&worker->turn, worker_on_turn);
}

void worker_set_generation(struct worker *worker, struct generation *generation)
{
    struct generation *old = NULL;

    uv_mutex_lock(&worker->lock);
    old = worker->next_generation;
    worker->next_generation = generation_ref(generation);
    uv_mutex_unlock(&worker->lock);
    generation_unref(old); /* it was never seen by the loop */
    (void)uv_async_send(&worker->inbox);
}

void worker_apply(struct worker *worker, struct worker_change *change,
                  struct generation *generation)
{
    uv_mutex_lock(&worker->lock);
    assert(worker->next_change == NULL);
    worker->next_change = change;
    uv_mutex_unlock(&worker->lock);
    worker_set_generation(worker, generation);
}

void worker_limit_tenures(struct worker *worker, uint64_t drain_before, uint64_t cut_before)
{
    uv_mutex_lock(&worker->lock);
    worker->drain_before = drain_before;
    worker->cut_before = cut_before;
    uv_mutex_unlock(&worker->lock);
    (void)uv_async_send(&worker->inbox);
}

uint64_t worker_generation(const struct worker *worker)
{
    return atomic_load(&worker->generation_number);
}

void worker_drain(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    worker->drain = true;
    uv_mutex_unlock(&worker->lock);
    (void)uv_async_send(&worker->inbox);
}

enum worker_state worker_state(const struct worker *worker)
{
    return (enum worker_state)atomic_load(&worker->state);
}

const struct pulse *worker_pulse(const struct worker *worker)
{
    return &worker->pulse;
}

struct sockets_address worker_address(const struct worker *worker, size_t route)
{
    assert(route < BERTHS_MAX && worker->places[route] != NULL);
    return worker->places[route]->listener->address;
}
