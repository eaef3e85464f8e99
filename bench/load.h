/*
 * Load: one turn of one target: opens its connections, warms up, counts for a while, closes.
 *
 * Closed loop: the next request begins when a reply has come.  Open loop: requests are due at a
 * fixed rate, and one that had to wait for a connection has begun when it was due.  Knows nothing
 * of processes: its marks tell the owner when to look at them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/exchange.h"
#include "bench/latency.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct client;
struct err;

enum load_mark {
    LOAD_SETTLED, /* the idle connections are open and have settled; only if there are any */
    LOAD_BEGIN,   /* counting begins */
    LOAD_END,     /* counting has ended */
};

/* -1 with `err` filled ends the turn. */
typedef int load_on_mark(void *user, enum load_mark mark, struct err *err);

struct load_options {
    struct sockets_address address;
    const struct exchange *exchange; /* borrowed, as all pointers here */
    struct client *client;           /* NULL: plaintext */
    const char *server_name;         /* NULL: none */
    bool churn;                      /* a connection for each request */
    size_t connections;              /* at least 1 */
    size_t pipeline;                 /* at least 1; 1 with churn */
    size_t idle;
    uint64_t rate; /* a second; 0: closed loop */
    uint64_t warm_up_ms;
    uint64_t time_ms;
    uint64_t settle_ms;
    uint64_t stall_ms; /* no reply for so long while some are due: ERR_TIMEOUT; likewise if what was
                          due is not done for time_ms and this after the end */
    load_on_mark *on_mark;
    void *user;
};

struct load_result {
    struct latency latency; /* of the requests that began while counting */
    uint64_t operations;    /* replies that came while counting */
    uint64_t elapsed_ns;    /* how long that was */
};

/* Adds to `result->latency`, sets the rest.  Blocks.  ERR_DENIED: a TLS target refused us; ERR_IO,
   ERR_INVALID (another reply), ERR_TIMEOUT, ERR_LIMIT. */
MUST_CHECK int load_run(const struct load_options *options, struct load_result *result,
                        struct err *err);
