/*
 * Buckets: token buckets in a table with a fixed number of places: who may do something how often.
 *
 * A bucket is kept as the time at which it will be full again; a full one need not be kept.  When
 * all places are taken, the bucket that is fullest makes room.  So nobody is ever refused for what
 * others did, and whoever is being limited is forgotten only after as many others as there are
 * places were limited harder: who has so many addresses had their allowances, too.
 *
 * Pure: time comes from the caller, who serializes the calls, and so does the salt, without which
 * the keys that make a table slow cannot be found.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct buckets; /* opaque */

#define BUCKETS_KEY_MAX 72                   /* bytes */
#define BUCKETS_INTERVAL_MAX_NS 60000000000U /* a minute */
#define BUCKETS_BURST_MAX 1000000

struct buckets_options {
    size_t num_places;    /* a power of two */
    uint64_t salt;        /* any number that nobody outside knows */
    uint64_t interval_ns; /* in which one token is added: 1 to BUCKETS_INTERVAL_MAX_NS */
    uint64_t burst;       /* tokens in a full bucket: 1 to BUCKETS_BURST_MAX */
};

/* NULL: out of memory.  About 100 bytes for a place, all of them now. */
struct buckets *buckets_new(const struct buckets_options *options);
void buckets_free(struct buckets *buckets); /* accepts NULL */

/* Takes a token from the bucket of `key`; all keys of a table are of the same length.  `now_ns` is
   at least 1 and never less than before.  0: taken.  Otherwise nothing was taken, and a token will
   be there after so many nanoseconds. */
MUST_CHECK uint64_t buckets_take(struct buckets *buckets, struct bytes key, uint64_t now_ns);
