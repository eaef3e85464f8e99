/*
 * Scribe: writes on the control thread what the data threads log, each through a ring of its own
 * (log_ring.h), and what that thread logs itself while its lines cannot be written at once.
 *
 * While nobody reads our standard error the lines wait, as many as fit; then they are lost and
 * counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "common/compiler.h"
#include "proxy/log_ring.h"

struct err;

#define SCRIBE_RINGS_MAX 64

struct scribe {
    uv_async_t put;   /* by any of the rings */
    uv_timer_t retry; /* while standard error would have to be waited for */
    struct log_ring *rings[SCRIBE_RINGS_MAX];
    size_t num_rings;
    struct log_ring *own; /* of the control thread */
    bool started;
};

/* Takes over the lines of the calling thread until scribe_stop().  On failure nothing is left to be
   stopped.  `scribe` must stay where it is until the loop is over. */
MUST_CHECK int scribe_start(struct scribe *scribe, uv_loop_t *loop, size_t num_rings,
                            struct err *err);

/* Writes what is left, for which it waits a second at most; after the last line was put.  Accepts
   one that was never started. */
void scribe_stop(struct scribe *scribe);

/* Frees the rings; after the loop is over. */
void scribe_deinit(struct scribe *scribe);
