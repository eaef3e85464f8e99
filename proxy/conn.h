/*
 * Conn: the life of one connection, from accept to the line in the access log.
 *
 * The peer leg carries TLS, the app leg plaintext.  A connection belongs to one loop and shares
 * with the others there what stands in struct conn_shared; it ends by itself, by conn_abort_all(),
 * or at a deadline that conn_tick_all() finds passed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/conn_shared.h"

struct conn_origin {
    const struct conn_route *route; /* borrowed, must outlive the connection */
    size_t route_index;
    int fd;     /* accepted; taken */
    bool tuned; /* has the options of a data socket already */
    struct sockets_address source;
};

/* TCP_USER_TIMEOUT of what a route accepts; 0: none, for a local application. */
uint64_t conn_user_timeout_ms(const struct conn_route *route);

/* Starts the life of an accepted socket, for which there is a place in the census.  If that fails
   (memory, or too many from its source) it is reset and counted. */
void conn_start(struct conn_shared *shared, const struct conn_origin *origin);

/* A turn of the loop begins: before its first connection does anything, the time is looked at, and
   if the tick is so late that the process must have stood still, or a certificate has expired,
   `on_late` comes first.  So no byte is relayed for a peer that expired in the meantime. */
void conn_turn(struct conn_shared *shared);

/* Marks all connections to be judged by shared->generation; conn_recheck() does so for at most
   `max` of them, and is false when there are none left. */
void conn_mark_all(struct conn_shared *shared);
bool conn_recheck(struct conn_shared *shared, size_t max);

/* Resets every connection. */
void conn_abort_all(struct conn_shared *shared, enum reason reason);
