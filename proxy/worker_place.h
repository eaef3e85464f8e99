/*
 * Worker_place: a place of a worker: the route that lies there and, while it accepts, its socket;
 * and what a reload brings.  For worker.c.
 */
#pragma once

#include "common/compiler.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

struct entrance;
struct err;

struct worker_place {
    struct conn_route route;
    char *texts[3];            /* of the route */
    struct listener *listener; /* NULL: closed, or not there yet */
};

/* A copy of `route`.  NULL: out of memory. */
struct worker_place *worker_place_new(const struct conn_route *route, struct err *err);

/* Opens a socket: at `entrance`, or at `address` if that is NULL. */
MUST_CHECK int worker_place_open(struct worker_place *place, const struct entrance *entrance,
                                 const struct sockets_address *address, struct err *err);

void worker_place_close(struct worker_place *place); /* the socket, if it is open */
void worker_place_free(struct worker_place *place);  /* accepts NULL */

struct worker_change {
    struct berth_plan plan;
    struct worker_limits limits;
    struct worker_place *places[BERTHS_MAX]; /* NULL: stays as it is */
};
