/*
 * Berths: the matching of old and new routes: by name and settings for a place, by the socket alone
 * for who goes on listening.
 */
#include "proxy/berths.h"

#include <assert.h>
#include <string.h>

#include "common/err.h"

/* The ways in which a route may be the one that has a place, in the order of preference. */
enum berth_likeness {
    BERTH_UNCHANGED,
    BERTH_SAME_NAME_AND_DOOR,
    BERTH_SAME_DOOR,
};

static bool berth_same_name(const struct berth_route *left, const struct berth_route *right)
{
    return left->egress == right->egress && strcmp(left->name, right->name) == 0;
}

static bool berth_is_like(const struct berth_route *left, const struct berth_route *right,
                          enum berth_likeness likeness)
{
    bool same_door =
        left->egress == right->egress && memcmp(left->door, right->door, BERTH_DIGEST_LEN) == 0;

    switch (likeness) {
    case BERTH_UNCHANGED:
        return same_door && berth_same_name(left, right) &&
               memcmp(left->settings, right->settings, BERTH_DIGEST_LEN) == 0;
    case BERTH_SAME_NAME_AND_DOOR:
        return same_door && berth_same_name(left, right);
    case BERTH_SAME_DOOR:
        return same_door;
    }
    return false;
}

/* A live place, not yet `taken`, that is like `route`; BERTH_NONE: there is none. */
static size_t berths_find(const struct berths *berths, const bool taken[static BERTHS_MAX],
                          const struct berth_route *route, enum berth_likeness likeness)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (berths->states[i] == BERTH_LIVE && !taken[i] &&
            berth_is_like(&berths->routes[i], route, likeness)) {
            return i;
        }
    }
    return BERTH_NONE;
}

/* Gives an empty place to each route that has none yet. */
static int berths_place(const struct berths *berths, size_t num, struct berth_plan *plan,
                        struct err *err)
{
    size_t next = 0;

    for (size_t i = 0; i < num; i++) {
        if (plan->place_of[i] != BERTH_NONE) {
            continue;
        }
        while (next < BERTHS_MAX && berths->states[next] != BERTH_EMPTY) {
            next++;
        }
        if (next == BERTHS_MAX) {
            return err_set(err, ERR_LIMIT,
                           "too many routes still have connections from before earlier changes");
        }
        plan->place_of[i] = next++;
    }
    return 0;
}

/* Who judges the connections of each place: the route of that name, whatever else has changed. */
static void berths_assign(const struct berths *berths, const struct berth_route *routes, size_t num,
                          struct berth_plan *plan)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        for (size_t route = 0; route < num; route++) {
            if (berths->states[i] != BERTH_EMPTY &&
                berth_same_name(&berths->routes[i], &routes[route])) {
                plan->route_of[i] = route;
            }
        }
    }
    for (size_t i = 0; i < num; i++) {
        plan->route_of[plan->place_of[i]] = i;
        plan->accepts[plan->place_of[i]] = true;
    }
}

/* A socket that goes on keeps its number; a new one gets one that no place has. */
static void berths_number(const struct berths *berths, const size_t doors[], size_t num,
                          struct berth_plan *plan)
{
    bool used[BERTHS_MAX] = {false};
    size_t next = 0;

    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (berths->states[i] != BERTH_EMPTY) {
            used[berths->listener_of[i]] = true;
        }
    }
    for (size_t i = 0; i < num; i++) {
        if (doors[i] != BERTH_NONE) {
            plan->listener_of[plan->place_of[i]] = berths->listener_of[doors[i]];
            continue;
        }
        while (used[next]) { /* there are no more numbers in use than places */
            next++;
        }
        plan->listener_of[plan->place_of[i]] = next++;
    }
}

int berths_plan(const struct berths *berths, const struct berth_route *routes, size_t num,
                struct berth_plan *out, struct err *err)
{
    static const enum berth_likeness order[] = {BERTH_UNCHANGED, BERTH_SAME_NAME_AND_DOOR,
                                                BERTH_SAME_DOOR};
    size_t doors[BERTHS_MAX]; /* where the socket of wanted route i is now */
    bool taken[BERTHS_MAX] = {false};

    assert(num <= BERTHS_MAX);
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        out->accepts[i] = false;
        out->listener_of[i] = 0;
        out->place_of[i] = out->door_from[i] = out->route_of[i] = doors[i] = BERTH_NONE;
    }
    for (size_t round = 0; round < sizeof(order) / sizeof(order[0]); round++) {
        for (size_t i = 0; i < num; i++) {
            size_t place = doors[i] == BERTH_NONE
                               ? berths_find(berths, taken, &routes[i], order[round])
                               : BERTH_NONE;

            if (place != BERTH_NONE) {
                doors[i] = place;
                taken[place] = true;
                out->place_of[i] = order[round] == BERTH_UNCHANGED ? place : BERTH_NONE;
            }
        }
    }
    if (berths_place(berths, num, out, err) != 0) {
        return -1;
    }
    berths_assign(berths, routes, num, out);
    berths_number(berths, doors, num, out);
    for (size_t i = 0; i < num; i++) {
        out->door_from[out->place_of[i]] = doors[i];
    }
    return 0;
}

void berths_commit(struct berths *berths, const struct berth_route *routes, size_t num,
                   const struct berth_plan *plan)
{
    for (size_t i = 0; i < BERTHS_MAX; i++) {
        if (berths->states[i] == BERTH_LIVE && !plan->accepts[i]) {
            berths->states[i] = BERTH_RETIRED;
        }
    }
    for (size_t i = 0; i < num; i++) {
        berths->states[plan->place_of[i]] = BERTH_LIVE;
        berths->routes[plan->place_of[i]] = routes[i];
        berths->listener_of[plan->place_of[i]] = plan->listener_of[plan->place_of[i]];
    }
}
