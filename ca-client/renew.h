/*
 * Renew: when to enrol next.  A pure schedule: times and random numbers in, delays out.
 */
#pragma once

#include <stdint.h>

#include "common/verdict.h"

struct renew {
    unsigned failures; /* in a row */
    bool retried;      /* the one immediate retry of 409 and nonce-expired is spent */
};

/* After a success: how long to wait, uniform in [0.45, 0.55] of the lifetime counted from issue.
   Times are milliseconds since 1970, `random` any 64 random bits. */
uint64_t renew_after_success(struct renew *renew, int64_t issued_ms, int64_t not_after_ms,
                             int64_t now_ms, uint64_t random);

/* After a failure: 0.5 s doubling to 150 s, +-20 %, longer if the CA asked for it, and always with
   a try left before `not_after_ms` (0: there is no valid certificate). */
uint64_t renew_after_failure(struct renew *renew, enum verdict_code code, unsigned retry_after_s,
                             int64_t not_after_ms, int64_t now_ms, uint64_t random);
