/*
 * Crew: starting, asking and ending the workers together.  What a worker does is worker.c.
 */
#include "proxy/crew.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/census.h"
#include "proxy/entrance.h"
#include "proxy/pulse.h"
#include "proxy/scribe.h"
#include "proxy/sources.h"

#define CREW_NOFILE_RESERVE 64   /* descriptors that are not connections */
#define CREW_NOFILE_PER_WORKER 8 /* of its loop */
#define CREW_NOFILE_PER_CONN 2   /* a leg each */
#define CREW_LOOKUPS_MAX 8       /* together: half of the thread pool */

/* What the process has of a place, whatever the number of workers. */
struct crew_place {
    struct entrance entrance;       /* closed if the route there needs none */
    struct sockets_address address; /* where the route listens */
};

struct crew {
    struct census census;
    struct berths berths;
    struct berth_plan plan; /* in force */
    struct crew_place places[BERTHS_MAX];
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
    }
    census_set_limits(&crew->census, crew_connections_max(options),
                      options->connections_max_on_each, directions[0] && directions[1]);
    sources_set_limit(crew->census.sources, options->connections_max_from_each);
}

static void crew_log_ready(const struct crew *crew, const char *name, size_t place)
{
    char text[SOCKETS_TEXT_CAP] = "";

    sockets_format(&crew->places[place].address, text);
    log_info("listener.ready", kv_text("name", name), kv_text("addr", text),
             kv_num("connections_max", (int64_t)crew->census.connections_max),
             kv_num("workers", (int64_t)crew->num_workers));
}

static struct berth_route crew_berth(const struct worker_route *route)
{
    struct berth_route berth = {.egress = route->conn.egress};

    (void)snprintf(berth.name, sizeof(berth.name), "%s", route->conn.name);
    memcpy(berth.settings, route->settings_digest, sizeof(berth.settings));
    memcpy(berth.door, route->door_digest, sizeof(berth.door));
    return berth;
}

static void crew_berths(const struct worker_options *options, struct berth_route out[])
{
    for (size_t i = 0; i < options->num_routes; i++) {
        out[i] = crew_berth(&options->routes[i]);
    }
}

/* Whoever opened an entrance hands it over. */
static struct entrance crew_take_entrance(struct entrance *entrance)
{
    struct entrance taken = *entrance;

    *entrance = (struct entrance){.fd = -1};
    return taken;
}

/* The places of the start, once all workers listen there.  They have descriptors of their own for
   the entrances, which they close when they drain. */
static int crew_settle_in(struct crew *crew, const struct worker_options *options, struct err *err)
{
    struct berth_route routes[BERTHS_MAX];

    crew_berths(options, routes);
    if (berths_plan(&crew->berths, routes, options->num_routes, &crew->plan, err) != 0) {
        return -1;
    }
    berths_commit(&crew->berths, routes, options->num_routes, &crew->plan);
    for (size_t i = 0; i < options->num_routes; i++) {
        assert(crew->plan.place_of[i] == i && crew->plan.listener_of[i] == i);
        crew->places[i].address = worker_address(crew->members[0].worker, i);
        if (options->routes[i].entrance != NULL) {
            entrance_leave(options->routes[i].entrance);
            crew->places[i].entrance = crew_take_entrance(options->routes[i].entrance);
        }
        crew_log_ready(crew, options->routes[i].conn.name, i);
    }
    return 0;
}

/* A second process at an address is how a restart without a gap begins, or a mistake. */
static void crew_look_for_others(const struct worker_options *options)
{
    for (size_t i = 0; i < options->num_routes; i++) {
        const struct sockets_address *listen = &options->routes[i].listen;
        char text[SOCKETS_TEXT_CAP] = "";

        if (sockets_is_ip(listen) && sockets_port(listen) != 0 && sockets_is_taken(listen)) {
            sockets_format(listen, text);
            log_warn("listener.shared", kv_text("name", options->routes[i].conn.name),
                     kv_text("addr", text),
                     kv_text("effect", "another process listens there: each gets a part of the "
                                       "connections until one ends"));
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
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        crew->places[i].entrance.fd = -1;
    }
    crew->census.sources = sources_new(options->connections_max_from_each);
    if (crew->census.sources == NULL) {
        free(crew);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    crew_set_limits(crew, options);
    crew_look_for_others(&worker);
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
            (void)crew_stop(crew); /* nobody has been looked up yet */
            return NULL;
        }
    }
    if (crew_settle_in(crew, &worker, err) != 0) {
        (void)crew_stop(crew);
        return NULL;
    }
    return crew;
}

/* All or nothing: nobody serves differently yet. */
struct crew_change {
    struct crew_options options; /* routes are borrowed */
    struct berth_plan plan;
    struct berth_route routes[BERTHS_MAX];
    struct crew_place places[BERTHS_MAX]; /* that get a socket */
    size_t num_workers;
    struct worker_change *workers[CREW_WORKERS_MAX];
};

/* Route `i` in its new place, in all workers. */
static int crew_change_add(struct crew_change *change, size_t i, struct err *err)
{
    struct worker_route route = change->options.worker.routes[i];
    size_t place = change->plan.place_of[i];
    bool opens = change->plan.door_from[place] == BERTH_NONE;
    struct crew_place *out = &change->places[place];

    if (opens && !sockets_is_ip(&route.listen)) {
        if (entrance_open(&out->entrance, &route.door, err) != 0) {
            return err_wrap(err, "[%s %s] listen", route.conn.egress ? "egress" : "ingress",
                            route.conn.name);
        }
        route.entrance = &out->entrance;
    }
    out->address = route.listen;
    for (size_t k = 0; k < change->num_workers; k++) {
        if (worker_change_add(change->workers[k], place, &route, &out->address, err) != 0) {
            return -1;
        }
        if (opens && k == 0) { /* the others share what the first one got */
            out->address = worker_change_address(change->workers[k], place);
        }
    }
    entrance_leave(&out->entrance);
    return 0;
}

static int crew_change_fill(struct crew_change *change, const struct crew *crew, struct err *err)
{
    const struct worker_options *worker = &change->options.worker;

    crew_berths(worker, change->routes);
    if (berths_plan(&crew->berths, change->routes, worker->num_routes, &change->plan, err) != 0) {
        return -1;
    }
    for (size_t k = 0; k < crew->num_workers; k++) {
        change->workers[k] = worker_change_new(&change->plan, &worker->limits);
        if (change->workers[k] == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        change->num_workers++;
    }
    for (size_t i = 0; i < worker->num_routes; i++) {
        size_t place = change->plan.place_of[i];

        if (crew->berths.states[place] == BERTH_EMPTY && crew_change_add(change, i, err) != 0) {
            return -1;
        }
    }
    return 0;
}

struct crew_change *crew_prepare(struct crew *crew, const struct crew_options *options,
                                 struct err *err)
{
    struct crew_change *change = calloc(1, sizeof(*change));

    if (change == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    change->options = *options;
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        change->places[i].entrance.fd = -1;
        if (crew->berths.states[i] == BERTH_RETIRED && census_conns_on(&crew->census, i) == 0) {
            crew->berths.states[i] = BERTH_EMPTY; /* its last connection has gone */
        }
    }
    if (crew_change_fill(change, crew, err) != 0) {
        crew_cancel(change);
        return NULL;
    }
    return change;
}

void crew_cancel(struct crew_change *change)
{
    if (change == NULL) {
        return;
    }
    for (size_t k = 0; k < change->num_workers; k++) {
        worker_change_free(change->workers[k]);
    }
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        entrance_close(&change->places[i].entrance);
    }
    free(change);
}

size_t crew_change_route_of(const struct crew_change *change, size_t place)
{
    return change->plan.route_of[place];
}

size_t crew_route_of(const struct crew *crew, size_t place)
{
    return crew->plan.route_of[place];
}

/* The process's part of the change: what goes on in another place, what is new. */
static void crew_take_places(struct crew *crew, struct crew_change *change)
{
    const struct berth_plan *plan = &change->plan;

    for (size_t i = 0; i < BERTHS_MAX; i++) {
        size_t from = plan->door_from[i];

        if (plan->accepts[i] && from != i) { /* a place that nobody had */
            census_set_listener(&crew->census, i, plan->listener_of[i]);
        }
        if (plan->accepts[i] && from != BERTH_NONE && from != i) {
            crew->places[i].entrance = crew_take_entrance(&crew->places[from].entrance);
            crew->places[i].address = crew->places[from].address;
        } else if (plan->accepts[i] && from == BERTH_NONE) {
            crew->places[i].entrance = crew_take_entrance(&change->places[i].entrance);
            crew->places[i].address = change->places[i].address;
            crew_log_ready(crew, change->routes[plan->route_of[i]].name, i);
        }
    }
}

void crew_commit(struct crew *crew, struct crew_change *change, struct generation *generation)
{
    crew_set_limits(crew, &change->options);
    crew_take_places(crew, change);
    berths_commit(&crew->berths, change->routes, change->options.worker.num_routes, &change->plan);
    crew->plan = change->plan;
    for (size_t k = 0; k < crew->num_workers; k++) {
        worker_apply(crew->members[k].worker, change->workers[k], generation);
    }
    change->num_workers = 0; /* theirs now */
    crew_cancel(change);
}

void crew_clean_up(struct crew *crew)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (crew->berths.states[i] != BERTH_LIVE) {
            entrance_close(&crew->places[i].entrance);
        }
    }
}

void crew_set_generation(struct crew *crew, struct generation *generation)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        worker_set_generation(crew->members[i].worker, generation);
    }
}

void crew_limit_tenures(struct crew *crew, uint64_t drain_before, uint64_t cut_before)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        worker_limit_tenures(crew->members[i].worker, drain_before, cut_before);
    }
}

void crew_drain(struct crew *crew)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        worker_drain(crew->members[i].worker);
    }
}

bool crew_stop(struct crew *crew)
{
    bool all = true;

    if (crew == NULL) {
        return true;
    }
    for (size_t i = 0; i < crew->num_workers; i++) {
        if (worker_stop(crew->members[i].worker)) {
            crew->members[i].worker = NULL;
        } else {
            all = false;
        }
    }
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        entrance_close(&crew->places[i].entrance);
    }
    if (all) {
        sources_free(crew->census.sources);
        free(crew);
    }
    return all;
}

struct sockets_address crew_address(const struct crew *crew, size_t route)
{
    assert(crew->plan.place_of[route] != BERTH_NONE);
    return crew->places[crew->plan.place_of[route]].address;
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

const struct pulse *crew_pulse(const struct crew *crew, size_t worker)
{
    assert(worker < crew->num_workers);
    return worker_pulse(crew->members[worker].worker);
}

bool crew_is_alive(const struct crew *crew, uint64_t max_ms)
{
    for (size_t i = 0; i < crew->num_workers; i++) {
        if (pulse_age_ms(crew_pulse(crew, i)) >= max_ms) {
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
