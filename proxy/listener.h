/*
 * Listener: accepts connections of one route on one loop, as long as the limits allow.
 *
 * At a cap it stops polling and the kernel's backlog holds; out of descriptors or memory it waits
 * from 10 ms to 1 s.  It never spins and never drops a connection in silence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/compiler.h"
#include "proxy/conn.h"
#include "proxy/entrance.h"

struct err;

/* On the heap: it outlives its closing until the loop has let go of it. */
struct listener {
    struct conn_shared *shared; /* borrowed */
    const struct conn_route *route;
    size_t route_index;
    size_t handshakes_max;          /* of the loop, in this direction */
    struct sockets_address address; /* as bound */
    unsigned num_handles;           /* whose close callback is still to come */
    int fd;                         /* -1: closed */
    bool outlives_us;               /* as in struct entrance */
    bool tuned;                     /* has the options of a data socket, for those it accepts */
    bool listening;                 /* else only bound: for want of an identity */
    bool failed;                    /* to listen; logged and counted */
    bool had_identity;              /* ours has been valid at some time */
    bool accepting;                 /* polled */
    uint64_t backoff_ms;            /* 0: none */
    uv_poll_t poll;
    uv_timer_t retry;
};

/* Binds, without a loop yet; any thread may.  An egress listens at once; an ingress from our first
   valid identity on, so that a process that stands beside another takes no connection from it
   before it can serve.  `route` is borrowed.  NULL on failure. */
struct listener *listener_open(const struct conn_route *route,
                               const struct sockets_address *address, bool reuse_port,
                               struct err *err);

/* The same with a descriptor of its own for `entrance`, which may go before the listener. */
struct listener *listener_share(const struct conn_route *route, const struct entrance *entrance,
                                struct err *err);

/* Joins the loop of `shared` (borrowed) and accepts, from our first valid identity on.  A negative
 * errno if libuv fails. */
MUST_CHECK int listener_start(struct listener *listener, struct conn_shared *shared,
                              size_t route_index, size_t handshakes_max);

/* From now on it accepts for another route of the same direction. */
void listener_move(struct listener *listener, const struct conn_route *route, size_t route_index,
                   size_t handshakes_max);

/* A connection or a handshake has ended, or there is a new generation: accepts if that makes room.
 */
void listener_resume(struct listener *listener);

/* The same for what may have ended in another worker. */
void listener_tick(struct listener *listener);

/* Accepts what the backlog holds, within the limits, and closes; where the socket outlives us, the
   backlog is for whoever comes next.  It is gone for the caller; accepts NULL. */
void listener_close(struct listener *listener);
