/*
 * Sources: how many connections each address of peers holds, in all workers, against the limit on
 * that.
 *
 * An IPv6 address counts as its /64, all of which one machine may have; what is no IP address has
 * no limit.  Touched under a lock when a connection comes or goes; nothing on the data path.  What
 * follows from the limit is the caller's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/sockets.h"

struct sources; /* opaque */

/* NULL if memory is short. */
struct sources *sources_new(size_t connections_max);

/* Nobody may hold a place any more; accepts NULL. */
void sources_free(struct sources *sources);

/* Another limit; whoever is above it stays. */
void sources_set_limit(struct sources *sources, size_t connections_max);

/* Takes a place for a connection from `address`; false: the limit is reached, or memory short. */
bool sources_enter(struct sources *sources, const struct sockets_address *address);

/* Gives it back; with the same address. */
void sources_leave(struct sources *sources, const struct sockets_address *address);
