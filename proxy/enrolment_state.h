/*
 * Enrolment_state: the identity that we have, what became of the attempts at another, and when the
 * next is due.  For enrolment.c.
 *
 * Knows clocks and the log, but no event loop and no threads: that an attempt begins, and what it
 * has brought, is told to it.  Never blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ca-client/checked_clock.h"
#include "ca-client/enrol.h"
#include "ca-client/renew.h"
#include "proxy/enrolment.h"
#include "proxy/pause.h"

#define ENROLMENT_STATE_TICK_MS 1000
#define ENROLMENT_STATE_NEVER UINT64_MAX

struct enrolment_state {
    bool from_ca; /* which is asked by a schedule; false: from files, which somebody else renews */
    struct identity *identity;  /* NULL: none yet */
    bool renewable;             /* it is of this CA, which has not disowned it */
    struct checked_clock clock; /* of the last CA that told its time */
    struct renew renew;
    uint64_t due_ms;      /* of the next attempt, CLOCK_BOOTTIME; NEVER: when asked */
    uint64_t jump_due_ms; /* of one that the clocks ask for; NEVER: they do not */
    struct pause_clocks clocks;
    struct enrolment_status status;
};

/* Nothing is due: whoever begins asks for the first attempt. */
void enrolment_state_init(struct enrolment_state *state, bool from_ca);

/* Drops the identity. */
void enrolment_state_deinit(struct enrolment_state *state);

/* From another source from here on.  The identity stays, but a new CA knows nothing of it. */
void enrolment_state_turn(struct enrolment_state *state, bool from_ca);

/* An attempt begins. */
void enrolment_state_begin(struct enrolment_state *state);

/* It has brought `identity`, which is in use by now; takes the reference. */
void enrolment_state_succeed(struct enrolment_state *state, struct identity *identity);

/* It has failed; the next comes of itself. */
void enrolment_state_fail(struct enrolment_state *state, const struct enrol_failure *failure,
                          const char *why);

/* It has failed, since the firmware's key is gone: so will all others until a reboot, and none
   comes of itself. */
void enrolment_state_give_up(struct enrolment_state *state, const char *why);

/* Looks at the clocks, at least every ENROLMENT_STATE_TICK_MS: whether they ask for an attempt, and
   whether the identity has expired. */
void enrolment_state_tick(struct enrolment_state *state);

/* How long until the next attempt is due; 0: it is; ENROLMENT_STATE_NEVER: when asked. */
uint64_t enrolment_state_wait_ms(const struct enrolment_state *state);
