/*
 * Vigil: whether a loop that has nothing to do stays awake for a moment before it sleeps.
 *
 * To fall asleep and be woken takes tens of microseconds of processor time, and in a virtual
 * machine exits besides.  Where the next event comes sooner than that, staying awake costs nothing
 * and answers at once; where it does not, it is a waste.  So it is done as long as it pays, which
 * is learned apart for what is being waited for.  Pure: the caller looks at the clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VIGIL_NS 50000 /* the longest */

enum vigil_for {
    VIGIL_FOR_PEERS, /* an application has spoken last */
    VIGIL_FOR_APPS,  /* a peer has */
};
#define VIGIL_KINDS 2

struct vigil { /* {0}: nothing is known yet */
    struct {
        unsigned paid;   /* of 256, weighted: the newest an eighth */
        unsigned sleeps; /* without a vigil since the last one */
    } kinds[VIGIL_KINDS];
};

/* Whether to stay awake now; vigil_end() is to follow. */
bool vigil_begin(struct vigil *vigil, enum vigil_for what);

/* Something has come in time, or VIGIL_NS are over. */
void vigil_end(struct vigil *vigil, enum vigil_for what, bool came);
