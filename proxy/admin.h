/*
 * Admin: an HTTP/1 listener for operators and probes, on the loop of whoever starts it.
 *
 * Answers GET with what its owner's callback says; knows no path itself.  Plaintext and without
 * authentication: its address is to be one that only trusted processes reach.  Connections, head,
 * body and time are bounded, so a silent or greedy client costs little and is gone by itself.
 */
#pragma once

#include <stdint.h>

#include <uv.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct err;
struct admin; /* opaque */

#define ADMIN_CONNECTIONS_MAX 16 /* more wait in the listener's queue */
#define ADMIN_HEAD_MAX 8192      /* bytes of a request */
#define ADMIN_REPLY_MAX 262144   /* bytes of a reply's body */
#define ADMIN_REQUEST_MS 10000   /* from accept, or the last reply, to the end of a request */
#define ADMIN_PRESSED_MS 250     /* instead of either, while others wait for a place */
#define ADMIN_LINGER_MS 1000     /* how long a client may take to close after its last reply */

struct admin_reply {
    unsigned status;          /* 404 when handed over */
    const char *content_type; /* static text; "text/plain" when handed over */
    struct buf body;          /* empty when handed over; append to it */
};

/* Fills the reply to a GET of `path` ("/livez"; a query is cut off).  Must not block. */
typedef void admin_on_get(void *user, const char *path, struct admin_reply *reply);

struct admin_options {
    const char *listen;  /* numeric, for sockets_parse(); port 0: the kernel chooses */
    uint64_t request_ms; /* 0: ADMIN_REQUEST_MS */
    admin_on_get *on_get;
    void *user;
};

/* Binds, logs listener.ready and serves from the loop's next turn.  NULL on failure. */
struct admin *admin_start(uv_loop_t *loop, const struct admin_options *options, struct err *err);

/* What it listens on, with the real port. */
const struct sockets_address *admin_address(const struct admin *admin);

/* Closes the listener and all connections; frees itself in the last close callback, then calls
   `on_done`. */
void admin_stop(struct admin *admin, void (*on_done)(void *user), void *user);
