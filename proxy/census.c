/*
 * Census: counting and comparing.  What follows from a limit is the listener's business.
 */
#include "proxy/census.h"

#include <assert.h>

#define CENSUS_RESERVE_PART 8 /* of the whole, for the other direction */

void census_set_limits(struct census *census, size_t connections_max, size_t listener_max,
                       bool both)
{
    size_t reserve = both ? connections_max / CENSUS_RESERVE_PART : 0;

    atomic_store(&census->connections_max, connections_max);
    atomic_store(&census->direction_max[0], connections_max - reserve);
    atomic_store(&census->direction_max[1], connections_max - reserve);
    atomic_store(&census->listener_max, listener_max);
}

void census_set_listener(struct census *census, size_t route, size_t listener)
{
    assert(listener < GENERATION_ROUTES_MAX && census_conns_on(census, route) == 0);
    atomic_store(&census->listener_of[route], listener + 1);
}

static size_t census_listener(const struct census *census, size_t route)
{
    size_t number = atomic_load(&census->listener_of[route]);

    return number > 0 ? number - 1 : route;
}

/* One more, unless that is over `max` (0: no limit). */
static bool census_take(atomic_size_t *num, size_t max)
{
    if (atomic_fetch_add(num, 1) < max || max == 0) {
        return true;
    }
    atomic_fetch_sub(num, 1);
    return false;
}

bool census_enter(struct census *census, bool egress, size_t route)
{
    assert(route < GENERATION_ROUTES_MAX);
    if (!census_take(&census->num_conns, atomic_load(&census->connections_max))) {
        return false;
    }
    if (!census_take(&census->num_in_direction[egress],
                     atomic_load(&census->direction_max[egress]))) {
        atomic_fetch_sub(&census->num_conns, 1);
        return false;
    }
    if (!census_take(&census->num_on_listener[census_listener(census, route)],
                     atomic_load(&census->listener_max))) {
        atomic_fetch_sub(&census->num_in_direction[egress], 1);
        atomic_fetch_sub(&census->num_conns, 1);
        return false;
    }
    atomic_fetch_add(&census->num_on_route[route], 1);
    return true;
}

void census_leave(struct census *census, bool egress, size_t route)
{
    size_t before = atomic_fetch_sub(&census->num_conns, 1);

    assert(before > 0);
    atomic_fetch_sub(&census->num_in_direction[egress], 1);
    atomic_fetch_sub(&census->num_on_listener[census_listener(census, route)], 1);
    atomic_fetch_sub(&census->num_on_route[route],
                     1); /* the last: then it may get another number */
}

bool census_full(const struct census *census, bool egress, size_t route)
{
    const atomic_size_t *on_listener = &census->num_on_listener[census_listener(census, route)];
    size_t listener_max = atomic_load(&census->listener_max);

    return atomic_load(&census->num_conns) >= atomic_load(&census->connections_max) ||
           atomic_load(&census->num_in_direction[egress]) >=
               atomic_load(&census->direction_max[egress]) ||
           (listener_max > 0 && atomic_load(on_listener) >= listener_max);
}

size_t census_conns(const struct census *census)
{
    return atomic_load(&census->num_conns);
}

size_t census_conns_on(const struct census *census, size_t route)
{
    return atomic_load(&census->num_on_route[route]);
}

void census_open_entry(struct census *census)
{
    atomic_fetch_add(&census->num_entries, 1);
}

void census_close_entry(struct census *census)
{
    size_t before = atomic_fetch_sub(&census->num_entries, 1);

    assert(before > 0);
}

bool census_ingress_over(const struct census *census)
{
    /* In this order: what a listener accepts has entered before the listener is gone. */
    return atomic_load(&census->num_entries) == 0 && atomic_load(&census->num_in_direction[0]) == 0;
}
