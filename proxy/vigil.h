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

/* The longest.  With 25 us a thread that is half busy uses 1.03 of its processor time, with 35 us
   1.24, with 50 us 1.6; and in a request over one connection the next event takes 22 us. */
#define VIGIL_NS 25000

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

/* It paid: something has come in time, and nobody else wanted the processor. */
void vigil_end(struct vigil *vigil, enum vigil_for what, bool it_paid);
