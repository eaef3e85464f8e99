/*
 * Dial: finds the addresses of a route and connects to one of them: IPv6 and IPv4 in turn,
 * IPv6 first, the next one beside those under way after 250 ms or as soon as one has failed; the
 * first to connect wins (RFC 8305 section 5).
 *
 * It has no deadline of its own: its owner gives up by dial_free().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/resolver.h"

struct dial; /* opaque */

#define DIAL_HEAD_START_MS 250

enum dial_state { DIAL_RESOLVING, DIAL_CONNECTING, DIAL_CONNECTED, DIAL_FAILED };

/* Begins.  `own` is never connected to: a listener of ours, from which the connection would come
   back for ever if a name led there; NULL: none.  `on_change` is called from the loop, never from
   here, when dial_state() has changed. NULL: out of memory. */
struct dial *dial_start(uv_loop_t *loop, struct resolver *resolver, size_t name,
                        const struct sockets_address *own, void (*on_change)(void *arg), void *arg);

enum dial_state dial_state(const struct dial *dial);

/* errno of the last failed attempt, ELOOP for `own`; 0 if no address was found. */
int dial_error(const struct dial *dial);

/* The connected descriptor, once, after DIAL_CONNECTED; the caller's.  Where it leads is in
   `out_address`. */
int dial_take_fd(struct dial *dial, struct sockets_address *out_address);

/* Lets the next address start when its time has come. */
void dial_tick(struct dial *dial);

/* Gives up whatever is under way; accepts NULL. */
void dial_free(struct dial *dial);
