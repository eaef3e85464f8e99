/*
 * Conn_state: the inside of a connection, for the files that implement it: conn.c (life),
 * conn_clock.c (deadlines), conn_ingress.c and conn_egress.c (the tables), preface.c, admit.c,
 * reach.c, handshake.c, announce.c, relay.c, ending.c, warmth.c; and for access_log.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tls.h"
#include "proxy/conn_kind.h"
#include "proxy/conn_shared.h"
#include "proxy/dial.h"
#include "proxy/leg.h"
#include "proxy/warmth.h"

#define CONN_READ_LEN 16384             /* bytes of one recv */
#define CONN_READ_LEN_FAST (64 * 1024)  /* the same after CONN_FAST bytes were moved */
#define CONN_READ_LEN_BULK (128 * 1024) /* the same after CONN_BULK */
#define CONN_FAST (128 * 1024)
#define CONN_BULK (1024 * 1024)
#define CONN_TURN_MAX (256 * 1024)         /* bytes one callback moves before the loop turns */
#define CONN_QUEUE_PAUSE 16384             /* a queue this long pauses its source */
#define CONN_POOL_RESERVE 4                /* chunks that one read may need */
#define CONN_LINGER_MAX (16 * 1024 * 1024) /* bytes read and discarded */
#define CONN_NO_UID UINT32_MAX
#define CONN_REFUSE_MS 1000 /* for an alert to leave */

struct conn {
    struct conn_shared *shared;
    struct conn *next;
    struct conn **link;
    const struct conn_kind *kind;
    const struct conn_route *route;
    size_t route_index;
    uint64_t id;
    struct sockets_address source;
    struct sockets_address destination; /* of a PROXY header or REDIRECT; none: the socket's */
    uint32_t caller_uid;                /* egress, if it was asked for; else CONN_NO_UID */
    struct sockets_address target;      /* connected to; none before */
    enum conn_state state;
    enum reason reason;
    size_t num_handles;            /* legs whose last callback is still to come */
    struct generation *generation; /* that judges the handshake, while it lasts; referenced */
    struct tenure *tenure;         /* of its context; referenced; NULL before the handshake */
    struct leg peer;               /* TLS */
    struct leg app;                /* plaintext */
    struct tls *tls;
    struct dial *dial;
    struct chunk_queue stash; /* a part of a PROXY header; then ciphertext read past the handshake,
                                 at most one read */
    const struct svid *svid;  /* of the authorized peer, borrowed from tls; NULL before */
    char rule[64];            /* name of the rule that let it in */
    char *detail;             /* why it failed, for the log; NULL */
    uint64_t bytes_in;        /* application bytes from the peer */
    uint64_t bytes_out;
    uint64_t discarded; /* while lingering */
    uint64_t accepted_ms;
    uint64_t handshake_from_ms;
    uint64_t handshake_ms; /* how long it took */
    uint64_t connect_from_ms;
    uint64_t connect_ms; /* likewise, look-up included */
    uint64_t since_ms;   /* the clock of the state's deadline */
    uint64_t progress;   /* value at `since_ms` */
    uint64_t leave_ms;   /* when it has to be gone: its tenure is too old; 0: never */
    uint64_t peer_sent;  /* peer.sent at `peer_sent_ms`: write stalls */
    uint64_t peer_sent_ms;
    uint64_t app_sent;
    uint64_t app_sent_ms;
    uint64_t key_updates; /* the peer's at `key_updates_ms` */
    uint64_t key_updates_ms;
    struct warmth warmth;
    bool starved; /* paused because the pool is at its bound */
    bool marked;  /* to be judged by the newest generation */
    bool placed;  /* `source` has given it one of its places */
};

/* conn.c */

/* Runs the state's function until it waits.  Every callback ends here. */
void conn_run(struct conn *c);
void conn_on_dial(void *arg); /* for dial_start(); `arg` is the conn */

/* The only function that changes the state. */
void conn_move(struct conn *c, enum conn_state next);
void conn_abort(struct conn *c, enum reason reason);

/* What extends the deadline of the state it is in. */
uint64_t conn_progress(const struct conn *c);

/* conn_state.c */

/* Resets every open leg and gives CONN_CLOSING for a state's function to return. */
enum conn_state conn_fail(struct conn *c, enum reason reason);

/* When the peer's certificate ends the connection, in seconds since 1970; INT64_MAX: not at all, or
   not any more. */
int64_t conn_expiry(const struct conn *c);

/* Keeps the first reason. */
void conn_set_reason(struct conn *c, enum reason reason);

/* Keeps the first text, for the access log. */
void conn_set_detail(struct conn *c, const char *text);

uint64_t conn_now_ms(const struct conn *c);

/* Takes a place of its source's; false: there is none left, which is counted. */
bool conn_enter_source(struct conn *c);

/* Takes the descriptor for a leg; false: failed, and conn_fail() is to follow. */
bool conn_open_leg(struct conn *c, struct leg *leg, int fd);

/* preface.c: state PREFACE, which reads the PROXY header if there has to be one */
enum conn_state preface_run(struct conn *c);

/* announce.c: queues the PROXY header for the application, if it is to get one; `done`, or the
   state of a failure */
enum conn_state announce_peer(struct conn *c, enum conn_state done);

/* admit.c: state CALLER */
enum conn_state admit_run(struct conn *c);

/* reach.c: state RESOLVE; state DIAL, which opens `leg` and moves to `done` */
enum conn_state reach_resolve(struct conn *c);
enum conn_state reach_dial(struct conn *c, struct leg *leg, uint64_t user_timeout_ms,
                           enum conn_state done);

/* handshake.c */

/* State HANDSHAKE of either side; moves to `done` with an authorized peer. */
enum conn_state handshake_run(struct conn *c, enum conn_state done);

/* The engine has failed, now or in mid-stream: our alert is sent, the application reset. */
enum conn_state handshake_engine_failed(struct conn *c, const struct buf *alert, const char *why);

/* The peer has reset the connection: notes the reason if an alert came before. */
void handshake_last_words(struct conn *c);

/* relay.c: states RELAY, HALF_PEER and HALF_APP, the same for both kinds */
enum conn_state relay_run(struct conn *c);
enum conn_state relay_half_peer(struct conn *c);
enum conn_state relay_half_app(struct conn *c);

/* ending.c: states FLUSH, REFUSE and LINGER, the same for both kinds */
enum conn_state ending_flush(struct conn *c);
enum conn_state ending_refuse(struct conn *c);
enum conn_state ending_linger(struct conn *c);
