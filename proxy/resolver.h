/*
 * Resolver: names to addresses for the routes of one loop, on libuv's thread pool.
 *
 * One look-up in flight per name and RESOLVER_IN_FLIGHT_MAX in all, so that stalled ones leave
 * threads to others; a failure is remembered for a second, an answer never.  Numeric addresses are
 * answered at once.  Answers are untrusted: identity is checked in the handshake.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/compiler.h"
#include "common/sockets.h"

#define RESOLVER_ADDRESSES_MAX 6 /* of them at most half of one family if there are two */

struct resolver; /* opaque */

/* What a look-up gave: IPv6 first. */
struct resolver_answer {
    struct sockets_address addresses[RESOLVER_ADDRESSES_MAX];
    size_t num_addresses; /* 0: the look-up failed */
};

/* In the storage of whoever waits. */
struct resolver_waiter {
    struct resolver_waiter *next;
    struct resolver_waiter **link; /* what points at this one; NULL: not waiting */
    void (*on_done)(struct resolver_waiter *waiter, const struct resolver_answer *answer);
};

/* `num_names` slots, of which `in_flight_max` may be looked up at one time.  NULL: out of memory.
 */
struct resolver *resolver_new(uv_loop_t *loop, size_t num_names, size_t in_flight_max);

/* Sets slot `name` to what sockets_split() gave; `host` is borrowed until the next call for this
   slot.  Nobody may be waiting for it. */
void resolver_set(struct resolver *resolver, size_t name, const char *host, uint16_t port);

/* True if slot `name` is an address and no name, which is never looked up. */
bool resolver_is_number(const struct resolver *resolver, size_t name);

/* Calls waiter->on_done once: during this call (number, remembered failure) or from the loop. */
void resolver_ask(struct resolver *resolver, size_t name, struct resolver_waiter *waiter);

/* Nobody is called any more; the look-up itself may go on. */
void resolver_cancel(struct resolver_waiter *waiter);

/* Cancels what can be; the loop must turn until it has nothing left before resolver_free(). */
void resolver_stop(struct resolver *resolver);
void resolver_free(struct resolver *resolver); /* accepts NULL */
