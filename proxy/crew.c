/*
 * Crew: starting, asking and ending the workers together.  What a worker does is worker.c.
 */
#include "proxy/crew.h"

#include <assert.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/census.h"
#include "proxy/entrance.h"
#include "proxy/scribe.h"
#include "proxy/sources.h"

#define CREW_NOFILE_RESERVE 64   /* descriptors that are not connections */
#define CREW_NOFILE_PER_WORKER 8 /* of its loop */
#define CREW_NOFILE_PER_CONN 2   /* a leg each */
#define CREW_LOOKUPS_MAX 8       /* together: half of the thread pool */

struct crew {
    struct census census;
    size_t num_workers;
    struct {
        struct worker *worker;
        struct counters counters;
    } members[];
};

/* Connections that the settings and the descriptors of this process allow. */
static size_t crew_connections_max(const struct crew_options *options)
{
    size_t nofile = sockets_raise_nofile();
    size_t each = CREW_NOFILE_PER_WORKER + options->worker.num_routes;
    size_t taken = CREW_NOFILE_RESERVE + options->num_workers * each;
    size_t fit =
        nofile > taken + CREW_NOFILE_PER_CONN ? (nofile - taken) / CREW_NOFILE_PER_CONN : 1;

    return options->connections_max < fit ? options->connections_max : fit;
}

static void crew_set_limits(struct crew *crew, const struct crew_options *options)
{
    bool directions[2] = {false, false};

    for (size_t i = 0; i < options->worker.num_routes; i++) {
        directions[options->worker.routes[i].conn.egress] = true;
        crew->census.route_max[i] = options->connections_max_on_each;
    }
    census_init(&crew->census, crew_connections_max(options), directions[0] && directions[1]);
}

static void crew_log_ready(const struct crew *crew, const struct worker_options *options)
{
    for (size_t i = 0; i < options->num_routes; i++) {
        struct sockets_address address = crew_address(crew, i);
        char text[SOCKETS_TEXT_CAP] = "";

        sockets_format(&address, text);
        log_info("listener.ready", kv_text("name", options->routes[i].conn.name),
                 kv_text("addr", text),
                 kv_num("connections_max", (int64_t)crew->census.connections_max),
                 kv_num("workers", (int64_t)crew->num_workers));
    }
}

/* The workers have descriptors of their own for them, which they close when they drain. */
static void crew_leave_entrances(const struct worker_options *options)
{
    for (size_t i = 0; i < options->num_routes; i++) {
        if (options->routes[i].entrance != NULL) {
            entrance_leave(options->routes[i].entrance);
        }
    }
}

struct crew *crew_start(const struct crew_options *options, struct err *err)
{
    struct worker_options worker = options->worker;
    size_t num = options->num_workers;
    struct crew *crew = NULL;

    assert(num > 0 && num <= CREW_WORKERS_MAX && num <= SCRIBE_RINGS_MAX);
    crew = calloc(1, sizeof(*crew) + num * sizeof(crew->members[0]));
    if (crew == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    crew->num_workers = num;
    crew->census.sources = sources_new(options->connections_max_from_each);
    if (crew->census.sources == NULL) {
        free(crew);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    crew_set_limits(crew, options);
    worker.census = &crew->census;
    worker.num_siblings = num;
    worker.limits.lookups_max = num < CREW_LOOKUPS_MAX ? CREW_LOOKUPS_MAX / num : 1;
    for (size_t i = 0; i < num; i++) {
        worker.counters = &crew->members[i].counters;
        worker.index = i;
        worker.log = options->scribe != NULL ? options->scribe->rings[i] : NULL;
        worker.first = crew->members[0].worker;
        crew->members[i].worker = worker_start(&worker, err);
        if (crew->members[i].worker == NULL) {
            crew_stop(crew);
            return NULL;
        }
    }
    crew_leave_entrances(&worker);
    crew_log_ready(crew, &worker);
    return crew;
}

void crew_set_generation(struct crew *crew, struct generation *generation)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        worker_set_generation(crew->members[i].worker, generation);
    }
}

void crew_drain(struct crew *crew)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        worker_drain(crew->members[i].worker);
    }
}

void crew_stop(struct crew *crew)
{
    if (crew == NULL) {
        return;
    }
    for (size_t i = 0; i < crew->num_workers; i++) {
        worker_stop(crew->members[i].worker);
    }
    sources_free(crew->census.sources);
    free(crew);
}

struct sockets_address crew_address(const struct crew *crew, size_t route)
{
    return worker_address(crew->members[0].worker, route);
}

uint64_t crew_generation(const struct crew *crew)
{
    uint64_t oldest = UINT64_MAX;

    for (size_t i = 0; i < crew->num_workers; i++) {
        uint64_t number = worker_generation(crew->members[i].worker);

        oldest = number < oldest ? number : oldest;
    }
    return oldest;
}

enum worker_state crew_state(const struct crew *crew)
{
    enum worker_state worst = WORKER_DRAINED;

    for (size_t i = 0; i < crew->num_workers; i++) {
        enum worker_state state = worker_state(crew->members[i].worker);

        if (state == WORKER_RUNNING || state == WORKER_DRAINING) {
            return state;
        }
        worst = state == WORKER_CUT_SHORT ? state : worst;
    }
    return worst;
}

size_t crew_workers(const struct crew *crew)
{
    return crew->num_workers;
}

uint64_t crew_heartbeat_age_ms(const struct crew *crew, size_t worker)
{
    assert(worker < crew->num_workers);
    return worker_heartbeat_age_ms(crew->members[worker].worker);
}

uint64_t crew_lag_ms(const struct crew *crew, size_t worker)
{
    assert(worker < crew->num_workers);
    return worker_lag_ms(crew->members[worker].worker);
}

uint64_t crew_idle_permille(const struct crew *crew, size_t worker)
{
    assert(worker < crew->num_workers);
    return worker_idle_permille(crew->members[worker].worker);
}

bool crew_is_alive(const struct crew *crew, uint64_t max_ms)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        if (crew_heartbeat_age_ms(crew, i) >= max_ms) {
            return false;
        }
    }
    return true;
}

void crew_count(const struct crew *crew, struct counters *out)
{
    *out = (struct counters){0};
    for (size_t i = 0; i < crew->num_workers; i++) {
        counters_sum(out, &crew->members[i].counters);
    }
}
