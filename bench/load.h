/*
 * Load: a number of connections to one address, each with one request in flight at all times.
 *
 * A closed loop: it measures what a caller that waits sees, not what happens at a given rate.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bench/exchange.h"
#include "bench/latency.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct err;

#define LOAD_CONNECTIONS_MAX 10000
#define LOAD_STALL_MS 10000 /* no reply for so long: the run has failed */

struct load_options {
    struct sockets_address address;
    size_t connections; /* 1 to LOAD_CONNECTIONS_MAX */
    uint64_t warm_up_ms;
    uint64_t time_ms;
    const struct exchange *exchange; /* borrowed for the run */
};

/* Connects, runs for the two times, and adds every round trip that began after the warm-up to
   `latency`; `out_elapsed_ns` is how long those took together.  Blocks.  A connection that fails or
   ends, a wrong reply and a stall end the run: ERR_IO, ERR_INVALID, ERR_TIMEOUT. */
MUST_CHECK int load_run(const struct load_options *options, struct latency *latency,
                        uint64_t *out_elapsed_ns, struct err *err);
