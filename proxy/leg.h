/*
 * Leg: one connected socket on a loop: what is known about both of its directions, what epoll
 * watches, and the bytes it has not taken yet.
 *
 * A leg records events and moves bytes; its owner decides.  The owner sets `reading`, looks at the
 * other fields after an event, and calls leg_watch() when it is done.  Why uv_poll_t and not
 * uv_tcp_t, and the table of masks: spec/data-path.md section 1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/compiler.h"
#include "proxy/chunk.h"

#define LEG_QUEUE_MAX (144 * 1024) /* bytes that may wait; more is a bug or a flood */

struct leg {
    uv_poll_t poll;
    int fd;        /* -1: not open */
    int mask;      /* what epoll watches now */
    int error;     /* errno of what broke the socket; 0: none */
    bool reading;  /* the owner wants data */
    bool readable; /* data or an end may be there without a further event */
    bool fin_seen; /* the other side's FIN is there, perhaps behind unread data */
    bool eof;      /* ... and was read */
    bool shut;     /* our FIN is sent */
    bool hung_up;  /* EPOLLHUP: watching would spin */
    bool urgent;   /* urgent data: cannot be relayed */
    bool blocked;  /* the kernel had no buffers, yet would call the socket writable at once */
    struct chunk_queue out;
    struct chunk_pool *pool; /* borrowed */
    uint64_t sent;           /* bytes the kernel has taken */
    void *owner;
    void (*on_event)(struct leg *leg);
    void (*on_closed)(struct leg *leg); /* the last thing a leg does */
};

/* `fd` is -1 and nothing is watched afterwards; `pool` is borrowed. */
void leg_init(struct leg *leg, struct chunk_pool *pool, void *owner,
              void (*on_event)(struct leg *leg), void (*on_closed)(struct leg *leg));

/* Takes `fd`, also on failure: -1 with errno.  leg_watch() starts the watching. */
MUST_CHECK int leg_open(struct leg *leg, uv_loop_t *loop, int fd);

bool leg_is_open(const struct leg *leg);

/* What should be watched, in UV_ bits: the mask table. */
int leg_mask(const struct leg *leg);

/* Makes epoll watch leg_mask(); costs nothing if it does already. */
void leg_watch(struct leg *leg);

/* Receives once: the bytes read; 0: nothing now, and eof or error may say why. */
size_t leg_recv(struct leg *leg, uint8_t *out, size_t cap);

/* Sends or queues all of `data`.  False: the socket broke or the queue may not grow; `error`. */
MUST_CHECK bool leg_send(struct leg *leg, const uint8_t *data, size_t len);

/* Sends what is queued, as far as the socket takes it. */
void leg_flush(struct leg *leg);

/* For the tick: tries again after the kernel had no buffers.  False: that was not so. */
bool leg_retry(struct leg *leg);

/* Sends our FIN; the queue must be empty. */
void leg_shut(struct leg *leg);

/* Closes, or closes with an RST; what is queued is lost.  on_closed follows from the loop.
   Nothing happens if the leg is not open. */
void leg_close(struct leg *leg);
void leg_reset(struct leg *leg);
