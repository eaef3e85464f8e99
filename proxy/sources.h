/*
 * Sources: how many connections each source of peers (common/source.h) holds, in all workers,
 * against the limit on that.
 *
 * What is no IP address has no limit.  Touched under a lock when a connection comes or goes;
 * nothing on the data path.  What follows from the limit is the caller's business.
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
