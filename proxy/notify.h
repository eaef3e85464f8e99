/*
 * Notify: what a service manager is told about this process, and when (sd_notify(3)).
 *
 * A function from facts and from what was said before to the next datagram.  The socket and the
 * clock are manager.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_CAP 256 /* room for any datagram, with NUL */

enum notify_phase {
    NOTIFY_NOTHING,   /* nothing was said yet */
    NOTIFY_STARTING,  /* until the first identity */
    NOTIFY_READY,     /* whatever becomes of the identity after that */
    NOTIFY_RELOADING, /* until all workers have the new settings, or they are refused */
    NOTIFY_STOPPING,
};

struct notify_facts {
    enum notify_phase phase;
    uint64_t now_us;    /* CLOCK_MONOTONIC */
    int64_t not_after;  /* of our identity; 0: none */
    bool is_valid;      /* ... and it has not expired */
    bool workers_alive; /* every worker's loop has turned of late */
};

/* What was said so far; zeros at first. */
struct notify {
    enum notify_phase phase;
    int64_t not_after;
    bool was_valid;
    uint64_t extended_us; /* when more time was last asked for */
    uint64_t fed_us;      /* when the watchdog was last fed */
};

/* Writes what is to be said now, lines with LF between, and in `out_said` what was said once that
   is sent.  `watchdog_us` is the manager's bound, 0 for none: it is fed every half of it, and only
   while all workers live.  The length; 0: nothing. */
size_t notify_next(const struct notify *said, const struct notify_facts *facts,
                   uint64_t watchdog_us, char out[static NOTIFY_CAP], struct notify *out_said);
