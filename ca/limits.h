/*
 * Limits: how often one source, one chip and one key may have what the authority does, each kind
 * with a table of buckets of its own, so that one cannot push out another's.
 *
 * May be called by any thread; reads the monotonic clock.  What a refusal looks like is the
 * caller's business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;
struct limits; /* opaque */

enum limit {
    LIMIT_NONCE, /* nonces, by source */
    LIMIT_ENROL, /* enrolments, by source */
    LIMIT_CHIP,  /* enrolments that the policy admits, by chip */
    LIMIT_KEY,   /* enrolments with proof of possession, by the key to be certified */
    LIMIT_KINDS,
};

struct limits_rate {
    uint64_t num;      /* in `period_s`, up to a million; 0: without limit */
    uint64_t period_s; /* 1 to 60 */
    uint64_t burst;    /* what may come at once after a pause: 1 to BUCKETS_BURST_MAX */
};

/* NULL: ERR_LIMIT, or no random numbers (ERR_IO). */
struct limits *limits_new(const struct limits_rate rates[static LIMIT_KINDS], struct err *err);
void limits_free(struct limits *limits); /* accepts NULL */

/* True: admitted, and counted.  False: `out_retry_s`, at least 1, says when to come again. `limits`
   NULL: everything is admitted. */
MUST_CHECK bool limits_admit(struct limits *limits, enum limit limit, struct bytes key,
                             unsigned *out_retry_s);

/* "nonce", "enrolment", "chip", "key". */
const char *limit_name(enum limit limit);
