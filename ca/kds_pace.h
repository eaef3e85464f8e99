/*
 * Kds_pace: when the key service may be asked again.
 *
 * What it limits are the certificates of chips, one in an interval; what is published once for all
 * chips of a product waits a part of that.  A service that objects to that gets the whole interval
 * from then on.  After failures the pause doubles, with chance, and what the service asks for is
 * the least.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/kds_reply.h"
#include "ca/vendor.h"

#define KDS_PACE_PAUSE_MAX_MS 600000 /* after failures, unless the service asks for more */
#define KDS_PACE_COMMON_SHARE 10     /* what no chip is named in waits this part of the interval */

struct kds_pace {
    uint64_t interval_ms;
    uint64_t next_ms;      /* no request before */
    uint64_t next_chip_ms; /* nor one for a chip */
    uint64_t whole_ms;     /* a whole interval after the request before has ended */
    bool hurried;          /* the one under way began before that */
    bool strict;           /* all requests keep the whole interval */
    unsigned failures;     /* in a row */
};

/* How long until such a thing may be asked for when `num_before` of its kind go first. */
uint64_t kds_pace_wait(const struct kds_pace *pace, enum vendor_kind kind, size_t num_before,
                       uint64_t now_ms);

/* True during a pause after failures. */
bool kds_pace_is_held(const struct kds_pace *pace, uint64_t now_ms);

/* A request begins, and ends.  `random` is any number. */
void kds_pace_begin(struct kds_pace *pace, enum vendor_kind kind, uint64_t now_ms);
void kds_pace_end(struct kds_pace *pace, enum vendor_kind kind, const struct kds_reply *reply,
                  uint64_t now_ms, uint64_t random);

/* The pause after so many failures, at its longest. */
uint64_t kds_pace_pause(const struct kds_pace *pace, unsigned failures);
