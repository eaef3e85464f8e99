/*
 * Renew: the schedule (spec: renewal and clocks).
 */
#include "ca-client/renew.h"

#include <stdbool.h>

#define FIRST_MS 500
#define CAP_MS 150000
#define DOUBLINGS_MAX 9  /* 0.5 s doubled so often is over the cap */
#define ASKED_MAX_S 3600 /* whatever the CA asks for: a slip there must not last for days */
#define LIFETIME_MAX_MS ((uint64_t)10 * 365 * 86400 * 1000)

/* A number from 0 to `range`, close enough to uniform. */
static uint64_t spread(uint64_t random, uint64_t range)
{
    return random % (range + 1);
}

uint64_t renew_after_success(struct renew *renew, int64_t issued_ms, int64_t not_after_ms,
                             int64_t now_ms, uint64_t random)
{
    uint64_t lifetime_ms = 0;
    uint64_t wait_ms = 0;
    uint64_t age_ms = 0;

    renew->failures = 0;
    renew->retried = false;
    if (not_after_ms <= issued_ms || not_after_ms <= now_ms || issued_ms < 0) {
        return FIRST_MS;
    }
    lifetime_ms = (uint64_t)(not_after_ms - issued_ms);
    if (lifetime_ms > LIFETIME_MAX_MS) {
        lifetime_ms = LIFETIME_MAX_MS;
    }
    wait_ms = lifetime_ms * 45 / 100 + spread(random, lifetime_ms / 10);
    if (now_ms > issued_ms) {
        age_ms = (uint64_t)(now_ms - issued_ms);
    }
    /* Never at once: a CA or a clock that makes no sense must not become a busy loop. */
    return wait_ms > age_ms + FIRST_MS ? wait_ms - age_ms : FIRST_MS;
}

enum answer { ANSWER_AGAIN, ANSWER_LATER, ANSWER_NEVER };

/* What a refusal means for the next try (spec: status codes). */
static enum answer answer_of(enum verdict_code code)
{
    switch (code) {
    case VERDICT_NONCE_EXPIRED:
    case VERDICT_NONCE_REPLAYED:
    case VERDICT_KEY_REUSED:
        return ANSWER_AGAIN; /* another nonce and key may be all it takes */
    case VERDICT_ACCEPTED:   /* the CA was not reached, or said nothing of use */
    case VERDICT_RATE_LIMITED:
    case VERDICT_COLLATERAL_UNAVAILABLE:
    case VERDICT_UNAVAILABLE:
        return ANSWER_LATER;
    case VERDICT_REQUEST_INVALID:
    case VERDICT_CSR_INVALID:
    case VERDICT_ENVELOPE_INVALID:
    case VERDICT_NONCE_INVALID:
    case VERDICT_KEY_NOT_ALLOWED:
    case VERDICT_PLATFORM_UNSUPPORTED:
    case VERDICT_REPORT_INVALID:
    case VERDICT_CHAIN_INVALID:
    case VERDICT_REVOKED:
    case VERDICT_COLLATERAL_INVALID:
    case VERDICT_SIGNATURE_INVALID:
    case VERDICT_BINDING_MISMATCH:
    case VERDICT_GUEST_POLICY:
    case VERDICT_TCB_NOT_ALLOWED:
    case VERDICT_MACHINE_NOT_ALLOWED:
    case VERDICT_REFERENCE_MISMATCH:
    case VERDICT_NO_POLICY_MATCH:
    case VERDICT_IDENTITY_NOT_PERMITTED:
    case VERDICT_CODES:
        break;
    }
    return ANSWER_NEVER; /* until somebody changes something: tried rarely */
}

/* +-20 % around `delay_ms`. */
static uint64_t jitter(uint64_t delay_ms, uint64_t random)
{
    return delay_ms * 8 / 10 + spread(random, delay_ms * 4 / 10);
}

uint64_t renew_after_failure(struct renew *renew, enum verdict_code code, unsigned retry_after_s,
                             int64_t not_after_ms, int64_t now_ms, uint64_t random)
{
    enum answer answer = answer_of(code);
    unsigned failures = renew->failures;
    uint64_t delay_ms = CAP_MS;
    uint64_t asked_ms =
        (uint64_t)(retry_after_s < ASKED_MAX_S ? retry_after_s : ASKED_MAX_S) * 1000;

    if (answer == ANSWER_AGAIN && !renew->retried) {
        renew->retried = true;
        return 0;
    }
    if (answer == ANSWER_NEVER) {
        renew->failures = DOUBLINGS_MAX;
    } else if (renew->failures < DOUBLINGS_MAX) {
        delay_ms = (uint64_t)FIRST_MS << renew->failures++;
        delay_ms = delay_ms < CAP_MS ? delay_ms : CAP_MS;
    }
    delay_ms = jitter(delay_ms, random);
    if (delay_ms < asked_ms) {
        /* Never earlier than asked, nor all that were asked at once together. */
        delay_ms = asked_ms + spread(random, asked_ms);
    }
    if (not_after_ms > now_ms) {
        /* Half of what is left, so that a try before the end always remains. */
        uint64_t left_ms = (uint64_t)(not_after_ms - now_ms) / 2;

        left_ms = left_ms > FIRST_MS ? left_ms : FIRST_MS;
        if (left_ms < delay_ms) {
            delay_ms = left_ms;
            /* What was not waited for must not be doubled, or the many tries before the end would
               make for few after it. */
            renew->failures = answer == ANSWER_NEVER ? renew->failures : failures;
        }
    }
    return delay_ms;
}

uint64_t renew_after_jump(struct renew *renew, uint64_t now_ms)
{
    uint64_t due_ms = now_ms;

    if (renew->jump_ms > 0 && now_ms < renew->jump_ms + RENEW_JUMP_GAP_MS) {
        /* One that still waits for its turn stands for this one, too. */
        due_ms = renew->jump_ms > now_ms ? renew->jump_ms : renew->jump_ms + RENEW_JUMP_GAP_MS;
    }
    renew->jump_ms = due_ms;
    return due_ms;
}
