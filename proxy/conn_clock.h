/*
 * Conn_clock: what the passing of time does to the connections of a loop.
 */
#pragma once

#include <stdint.h>

#include "proxy/conn_shared.h"

/* The process stood still for so long: deadlines move, but for those that bound a lifetime. */
void conn_postpone_all(struct conn_shared *shared, uint64_t stalled_ms);

/* Deadlines, expiry and memory of all connections; for the loop's tick. */
void conn_tick_all(struct conn_shared *shared);
