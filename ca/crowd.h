/*
 * Crowd: who gives way when a listener's places are all taken: the source with the most
 * connections, so that nobody alone can keep others out.
 *
 * Pure: what a connection waits for, and how long it has, comes from the caller.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/source.h"

enum crowd_work {
    CROWD_WAITS, /* for a request to begin: nothing is lost with it */
    CROWD_SLOW,  /* its peer keeps it waiting in the middle of something */
    CROWD_BUSY,  /* never gives way */
};

struct crowd_member {
    void *who; /* the caller's */
    struct source source;
    enum crowd_work work;
    uint64_t waited_ms;
};

/* Of the source that has the most members (of those of which any may give way) one that waits, else
   a slow one, and of those whoever has waited longest.  NULL: all are busy.  Changes the order. */
const struct crowd_member *crowd_choose(struct crowd_member *members, size_t num);
