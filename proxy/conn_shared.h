/*
 * Conn_shared: what connections have in common: the route that each follows, and what belongs to
 * the loop they live on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/compiler.h"
#include "common/prefix.h"
#include "common/sockets.h"
#include "proxy/caller.h"
#include "proxy/census.h"
#include "proxy/chunk.h"
#include "proxy/counters.h"
#include "proxy/generation.h"
#include "proxy/reason.h"
#include "proxy/redirection.h"
#include "proxy/resolver.h"

struct peer_cache;
struct conn; /* opaque */

/* Scratch buffers of a loop; lent to a connection for the length of a call. */
#define CONN_CIPHER_IN_CAP ((size_t)128 * 1024)
#define CONN_PLAIN_CAP ((size_t)160 * 1024)
#define CONN_CIPHER_OUT_CAP ((size_t)160 * 1024)

/* Times are in milliseconds. */
struct conn_limits {
    uint64_t handshake_ms;
    uint64_t connect_ms; /* name look-up included */
    uint64_t idle_ms;
    uint64_t half_close_ms; /* since the last progress */
    uint64_t write_stall_ms;
    uint64_t linger_ms;
    uint64_t ready_wait_ms;
    uint64_t max_lifetime_ms; /* 0: only the peer's notAfter */
    uint64_t key_updates_max; /* a second, from the peer */
};

enum conn_truncation {
    CONN_TRUNCATION_RESET, /* a FIN without close_notify resets the application */
    CONN_TRUNCATION_EOF,   /* it is passed on as an end of stream, and counted */
};

#define CONN_SOURCES_MAX 16

/* Headers of the PROXY protocol, of an ingress. */
struct conn_proxy {
    bool out;                                /* the application gets one */
    bool in;                                 /* each connection begins with one, */
    struct prefix in_from[CONN_SOURCES_MAX]; /* and comes from one of these */
    size_t num_in_from;
};

struct conn_route {
    const char *name;
    bool egress;
    const char *host; /* where to connect to: a name, or a numeric address */
    uint16_t port;
    const char *sni; /* egress; NULL: `host`, unless that is an address */
    enum conn_truncation on_truncation;
    struct conn_limits limits;
    struct conn_proxy proxy;
    struct caller_rules callers;    /* of an egress */
    struct redirection redirection; /* of an egress */
    bool keep_expired;              /* connections outlast the peer's certificate */
    bool tproxy;                    /* of an ingress: the listener is transparent */
};

enum conn_heard {
    CONN_HEARD_NOBODY,
    CONN_HEARD_PEER,
    CONN_HEARD_APP,
};

/* What the connections of one loop share.  The owner fills it before the first connection and
   keeps it until the last one is gone. */
struct conn_shared {
    uv_loop_t *loop;
    struct chunk_pool pool;
    struct resolver *resolver; /* slot i is route i */
    struct counters *counters;
    struct census *census;         /* of all workers */
    struct generation *generation; /* for new connections; the owner's reference */
    struct peer_cache *peers;      /* NULL: every path is validated anew */
    uint8_t *cipher_in;            /* CONN_CIPHER_IN_CAP bytes */
    uint8_t *plain;                /* CONN_PLAIN_CAP */
    uint8_t *cipher_out;           /* CONN_CIPHER_OUT_CAP */
    void (*on_freed)(void *arg);   /* a connection is gone, or a handshake has ended */
    void (*on_late)(void *arg);    /* the tick is to run now: see conn_turn() */
    void *arg;                     /* of both */
    bool clock_read;               /* in this turn of the loop */
    enum conn_heard heard;         /* in this turn: whose socket had the last event */
    uint64_t ticked_ms;            /* when conn_tick_all() last ran */
    int64_t expiry;                /* of the first peer to expire; seconds since 1970 */
    uint64_t drain_before;         /* connections of earlier tenures have drain_ms to end */
    uint64_t cut_before;           /* those of earlier ones still have none */
    uint64_t drain_ms;
    struct conn *first; /* all connections, the newest first */
    size_t num_conns;
    size_t num_ingress;
    size_t num_warm;          /* see warmth.h */
    size_t num_handshakes[2]; /* under way: of ingress, of egress; neither holds the other back */
    uint64_t next_id;         /* of this worker: others have other numbers */
    uint64_t id_step;         /* workers that number in turn */
    unsigned failures_logged; /* since the last refill */
    uint64_t failures_left_out;
    uint64_t refilled_ms;
};
