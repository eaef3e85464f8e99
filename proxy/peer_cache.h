/*
 * Peer cache: leaves whose path was found valid, so that a peer that comes back costs neither path
 * building nor the verification of its issuer's signature.
 *
 * Only what the path says is kept: whether a peer is welcome, and whether it holds the key, is
 * found out in every handshake.  Belongs to one worker; not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/svid.h"

#define PEER_CACHE_SLOTS 1024 /* leaves; one that falls on another's slot replaces it */

struct peer_cache; /* opaque; about 500 bytes for each slot in use, and DNS names */

/* What a verdict was about. */
struct peer_key {
    uint8_t sha256[32];  /* of the leaf's DER */
    uint64_t generation; /* whose anchors, trust domain and settings it was judged by */
    enum svid_role role;
};

struct peer_cache *peer_cache_new(void);        /* NULL: out of memory */
void peer_cache_free(struct peer_cache *cache); /* accepts NULL */

/* NULL: not known, or its path is not valid at `now` (seconds, checked clock).  Borrowed until the
   next call of peer_cache_put(). */
const struct svid *peer_cache_find(struct peer_cache *cache, const struct peer_key *key,
                                   int64_t now);

/* Calls of peer_cache_find(), by result. */
struct peer_cache_usage {
    uint64_t num_hits;
    uint64_t num_misses;
};
struct peer_cache_usage peer_cache_usage(const struct peer_cache *cache);

/* Remembers a copy; without memory it does not, which costs only time. */
void peer_cache_put(struct peer_cache *cache, const struct peer_key *key, const struct svid *svid);
