/*
 * Pace: spreads a process's requests to the firmware, which allows few, since all guests of a
 * machine share it and drivers give up on a host that is asked too often.
 *
 * One request at a time; an interval between the starts of two; and after PACE_BURST of them one
 * every PACE_REFILL intervals.  The rule is a function of times; the queue around it blocks, and
 * may be used from several threads.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

#define PACE_INTERVAL_MS 2000
#define PACE_BURST 2
#define PACE_REFILL 5
#define PACE_SLICE_MS 250 /* how often a cancellation is looked for */

/* What the rule remembers; {0}: nothing was started yet. */
struct pace_rule {
    bool started;      /* one was, ever */
    uint64_t start_ms; /* of the last one */
    uint64_t full_ms;  /* when the bucket is full again */
};

/* How long the next one has to wait, by a clock that nobody sets. */
uint64_t pace_wait_ms(const struct pace_rule *rule, uint64_t interval_ms, uint64_t now_ms);

/* One starts now. */
void pace_start(struct pace_rule *rule, uint64_t interval_ms, uint64_t now_ms);

struct pace; /* opaque */

/* NULL: out of memory. */
struct pace *pace_new(uint64_t interval_ms, struct err *err);
void pace_free(struct pace *pace); /* accepts NULL; nobody waits or is at work */

/* How long somebody waits for his turn. */
struct pace_patience {
    unsigned timeout_ms;
    const _Atomic bool *cancelled; /* may be NULL */
};

/* Waits for the turn, which pace_end() gives back.  `pace` NULL: there is no need to.  ERR_TIMEOUT:
   it did not come in time, or somebody cancelled; nothing is to be given back. */
MUST_CHECK int pace_begin(struct pace *pace, const struct pace_patience *patience, struct err *err);
void pace_end(struct pace *pace);
