/*
 * Listener: a listening TCP socket of the authority and the connections it has accepted.
 */
#pragma once

#include <stddef.h>

#include <uv.h>

#include "ca/conn.h"
#include "common/compiler.h"

struct err;
struct listener; /* opaque */

struct listener_options {
    uv_loop_t *loop;
    const char *name;       /* for the log */
    const char *address;    /* "1.2.3.4:80" or "[::1]:80"; port 0: any, see the log */
    size_t connections_max; /* over it a connection is closed at once */
    struct conn_options conn;
};

/* Binds, listens, and logs listener.ready with the real address.  `options` is copied; its texts
   must outlive the listener.  NULL on failure. */
struct listener *listener_start(const struct listener_options *options, struct err *err);

size_t listener_connections(const struct listener *listener);

/* Closes the socket, ends all connections (conn_finish_all()), and frees the listener when the last
   one is gone. */
void listener_stop(struct listener *listener);
