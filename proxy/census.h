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
    size_t connections_max;
    size_t direction_max[2];                 /* of ingress, of egress */
    size_t route_max[GENERATION_ROUTES_MAX]; /* 0: none */
    struct sources *sources;                 /* of peers; NULL: none is limited; borrowed */
    atomic_size_t num_conns;
    atomic_size_t num_in_direction[2];
    atomic_size_t num_on_route[GENERATION_ROUTES_MAX];
    atomic_size_t num_entries; /* ingress listeners that may still accept */
};

/* Sets the shared limits; `both` says that there are routes in both directions.  Before the first
   worker; limits of routes are set by the owner. */
void census_init(struct census *census, size_t connections_max, bool both);

/* Takes a place for a connection; false: a limit is reached. */
bool census_enter(struct census *census, bool egress, size_t route);
void census_leave(struct census *census, bool egress, size_t route);

/* True if census_enter() would fail now. */
bool census_full(const struct census *census, bool egress, size_t route);

/* Connections of both directions. */
size_t census_conns(const struct census *census);

/* An ingress listener opens or closes; those that it accepted have entered before it closes. */
void census_open_entry(struct census *census);
void census_close_entry(struct census *census);

/* True once no ingress connection is left in any worker and none can come. */
bool census_ingress_over(const struct census *census);
