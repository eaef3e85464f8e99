/*
 * Caller: one connection of the load generator: it asks, and takes exactly the replies that must
 * come.
 *
 * Decides nothing about when: bench/load does.  What all callers of a loop share (buffers, the
 * request, the address) is lent by their group.  Round trips cost one send and one recv.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "bench/exchange.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct caller;
struct client;
struct err;
struct tls;

#define CALLER_SCRATCH (256 * 1024) /* bytes of each buffer of a group */

/* Called from the loop; a caller may be asked or closed in them, not freed. */
struct caller_callbacks {
    void (*on_open)(struct caller *caller);                       /* connected, TLS included */
    void (*on_reply)(struct caller *caller, uint64_t start_ns);   /* one whole reply is here */
    void (*on_failed)(struct caller *caller, const struct err *); /* it is closing by itself */
    void (*on_closed)(struct caller *caller); /* may be opened again, or freed */
};

struct caller_group {
    uv_loop_t *loop;
    struct sockets_address address;
    const struct exchange *exchange; /* borrowed, must outlive the group */
    struct client *client;           /* NULL: plaintext; likewise */
    const char *server_name;         /* NULL: none; likewise */
    size_t pipeline;                 /* requests on their way on one connection, at most */
    const struct caller_callbacks *callbacks;
    void *user;
    uint8_t *in;    /* CALLER_SCRATCH bytes each */
    uint8_t *out;   /* ciphertext */
    uint8_t *plain; /* plaintext of TLS */
};

enum caller_state {
    CALLER_CLOSED,
    CALLER_CONNECTING,
    CALLER_HANDSHAKE,
    CALLER_OPEN,
    CALLER_CLOSING
};

/* The caller's own fields but for two; zero before caller_init(). */
struct caller {
    struct caller_group *group;
    unsigned role;     /* for the owner's use */
    uint64_t start_ns; /* likewise */
    enum caller_state state;
    uv_poll_t poll;
    int fd;
    int events;         /* that are polled for */
    uint64_t opened_ns; /* uv_hrtime() at the last caller_open() */
    struct tls *tls;
    uint64_t *starts; /* ring of group->pipeline: of the requests on their way */
    size_t first;
    size_t waiting; /* requests on their way, unsent ones included */
    size_t unsent;  /* those of them that are not sent whole */
    size_t sent;    /* bytes of the first of these that are */
    bool answered;  /* has had a reply */
    struct exchange_reader reader;
    uint8_t *pending; /* ciphertext that the socket has not taken; NULL: none */
    size_t pending_len;
    size_t pending_at;
};

/* Allocates the group's buffers.  ERR_LIMIT. */
MUST_CHECK int caller_group_init(struct caller_group *group, struct err *err);
void caller_group_deinit(struct caller_group *group);

MUST_CHECK int caller_init(struct caller *caller, struct caller_group *group, struct err *err);
void caller_deinit(struct caller *caller); /* only if closed */

/* Begins to connect.  ERR_IO, ERR_LIMIT: still closed. */
MUST_CHECK int caller_open(struct caller *caller, struct err *err);

/* Queues one request that began at `start_ns`; fewer than group->pipeline may be on their way.
   Sent by caller_flush(), or at the end of the callback in which it was queued. */
void caller_ask(struct caller *caller, uint64_t start_ns);
void caller_flush(struct caller *caller);

/* Ends the connection, with a close_notify if it has TLS; on_closed follows.  Nothing if closed or
   closing. */
void caller_close(struct caller *caller);
