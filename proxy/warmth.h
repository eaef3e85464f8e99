/*
 * Warmth: whether the TLS engine of a connection keeps its buffers from one record to the next.
 *
 * To make and free them for each record costs 3 % of the processor time of a small request.  But
 * they are 33 KiB: so only those keep them that move data from one tick to the next, and only
 * WARMTH_MAX of a loop, for with more the processor's cache no longer holds them, and it gains
 * nothing.
 */
#pragma once

#include <stdint.h>

#define WARMTH_MAX 64

struct conn;

enum warmth_degree {
    WARMTH_TEPID, /* has moved data since it was new or idle */
    WARMTH_WARM,  /* keeps them */
    WARMTH_COLD,  /* is idle, and owns none */
};

struct warmth {     /* {0} at the start */
    uint64_t moved; /* bytes, up to the last tick */
    enum warmth_degree degree;
};

/* For each tick of a connection. */
void warmth_tick(struct conn *c);

/* The connection is over. */
void warmth_end(struct conn *c);
