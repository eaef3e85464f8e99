/*
 * Census: how many connections all workers hold together, against the limits that they share.
 *
 * Each direction leaves an eighth of the whole to the other, so that strangers at the ingress
 * cannot keep the service from calling out.  Atomics, touched when a connection comes or goes and
 * when a listener closes; nothing on the data path.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "proxy/generation.h"

struct sources;

struct census {
    atomic_size_t connections_max;
    atomic_size_t direction_max[2]; /* of ingress, of egress */
    atomic_size_t listener_max;     /* 0: none */
    struct sources *sources;        /* of peers; NULL: none is limited; borrowed */
    atomic_size_t num_conns;
    atomic_size_t num_in_direction[2];
    atomic_size_t num_on_route[GENERATION_ROUTES_MAX];
    atomic_size_t listener_of[GENERATION_ROUTES_MAX]; /* number of a route's, plus 1; 0: its own */
    atomic_size_t num_on_listener[GENERATION_ROUTES_MAX];
    atomic_size_t num_entries; /* ingress listeners that may still accept */
};

/* Sets the limits, at the start or later; `both` says that there are routes in both directions.
   Whoever is above a new limit stays. */
void census_set_limits(struct census *census, size_t connections_max, size_t listener_max,
                       bool both);

/* Counts the connections of `route`, which has none, with those of others of the same number,
   below GENERATION_ROUTES_MAX; at first each route has its own number. */
void census_set_listener(struct census *census, size_t route, size_t listener);

/* Takes a place for a connection; false: a limit is reached. */
bool census_enter(struct census *census, bool egress, size_t route);
void census_leave(struct census *census, bool egress, size_t route);

/* True if census_enter() would fail now. */
bool census_full(const struct census *census, bool egress, size_t route);

/* Connections of both directions; of one route. */
size_t census_conns(const struct census *census);
size_t census_conns_on(const struct census *census, size_t route);

/* An ingress listener opens or closes; those that it accepted have entered before it closes. */
void census_open_entry(struct census *census);
void census_close_entry(struct census *census);

/* True once no ingress connection is left in any worker and none can come. */
bool census_ingress_over(const struct census *census);
