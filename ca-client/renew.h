/*
 * Renew: when to enrol next.  A pure schedule: times and random numbers in, delays out.
 */
#pragma once

#include <stdint.h>

#include "common/verdict.h"

#define RENEW_JUMP_GAP_MS 10000

struct renew {
    unsigned failures; /* in a row */
    bool retried;      /* the one immediate retry of 409 and nonce-expired is spent */
    uint64_t jump_ms;  /* when the last jump of the clocks was answered, or is to be; 0: none */
};

/* After a success: how long to wait, uniform in [0.45, 0.55] of the lifetime counted from issue.
   Times are milliseconds since 1970, `random` any 64 random bits. */
uint64_t renew_after_success(struct renew *renew, int64_t issued_ms, int64_t not_after_ms,
                             int64_t now_ms, uint64_t random);

/* After a failure: 0.5 s doubling to 150 s, +-20 %, longer if the CA asked for it, and always with
   a try left before `not_after_ms` (0: there is no valid certificate). */
uint64_t renew_after_failure(struct renew *renew, enum verdict_code code, unsigned retry_after_s,
                             int64_t not_after_ms, int64_t now_ms, uint64_t random);

/* After the clock was set or the machine slept: when to enrol, by the clock of `now_ms`, which
   nobody sets (CLOCK_BOOTTIME).  At once, but not sooner than RENEW_JUMP_GAP_MS after the last
   jump's turn: the host can set a clock as often as it likes. */
uint64_t renew_after_jump(struct renew *renew, uint64_t now_ms);
