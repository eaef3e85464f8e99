/*
 * Log ring: lines on their way from a data thread, which never waits for whoever reads them, to the
 * control thread, which writes them.
 *
 * One thread puts, one thread writes.  What does not fit is refused; the log counts it
 * (log_lost()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct log_ring; /* opaque */

#define LOG_RING_CAP ((size_t)1 << 20) /* bytes: some 2000 lines of connections */

/* `on_put` (may be NULL) is called on the putting thread after a line was put, and may only wake
   the other one.  NULL if memory is short. */
struct log_ring *log_ring_new(void (*on_put)(void *arg), void *arg);
void log_ring_free(struct log_ring *ring); /* accepts NULL */

/* A log_sink: `ring` is the ring. */
bool log_ring_put(void *ring, const char *line, size_t len);

/* Writes to standard error what is there.  False: it would have to wait, and something is left. */
bool log_ring_write(struct log_ring *ring);
