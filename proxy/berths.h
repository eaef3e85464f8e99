/*
 * Berths: which place each route has.  A place is an index that all workers share, and what lies
 * there never changes: a route that changes gets another place, and the old one serves the
 * connections that it has until they are gone.
 *
 * A pure decision: the places in use and the routes that are wanted in, a plan out.  Who listens
 * and who opens sockets is crew.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/ini.h"
#include "proxy/generation.h"

struct err;

#define BERTHS_MAX GENERATION_ROUTES_MAX
#define BERTH_NONE SIZE_MAX

#define BERTH_NAME_CAP (INI_NAME_MAX + 1)
#define BERTH_DIGEST_LEN 32

/* A route, as far as its place depends on it. */
struct berth_route {
    char name[BERTH_NAME_CAP];
    bool egress;
    uint8_t settings[BERTH_DIGEST_LEN]; /* equal: nothing that a connection notices has changed */
    uint8_t door[BERTH_DIGEST_LEN];     /* equal: the listening socket is the same */
};

enum berth_state {
    BERTH_EMPTY,
    BERTH_LIVE,    /* accepts */
    BERTH_RETIRED, /* only has the connections that it had */
};

struct berths {
    enum berth_state states[BERTHS_MAX];
    struct berth_route routes[BERTHS_MAX]; /* unless the place is empty */
    size_t listener_of[BERTHS_MAX];        /* likewise: see struct berth_plan */
};

/* What is to happen. */
struct berth_plan {
    size_t place_of[BERTHS_MAX];  /* of wanted route i */
    size_t door_from[BERTHS_MAX]; /* the place whose listening socket goes to place i; itself: it
                                     stays; BERTH_NONE: none is there yet, or none will be */
    size_t route_of[BERTHS_MAX];  /* the wanted route that judges the peers of place i; BERTH_NONE:
                                     its connections end */
    bool accepts[BERTHS_MAX];     /* place i will */
    /* Number, below BERTHS_MAX, of the listener of place i if that accepts: those that one socket
       has gone through have the same, for a limit that holds for the listener. */
    size_t listener_of[BERTHS_MAX];
};

/* Plans for `num` routes, names differing in each direction.  ERR_LIMIT: retired places leave too
   few. */
MUST_CHECK int berths_plan(const struct berths *berths, const struct berth_route *routes,
                           size_t num, struct berth_plan *out, struct err *err);

/* The plan has come about. */
void berths_commit(struct berths *berths, const struct berth_route *routes, size_t num,
                   const struct berth_plan *plan);
