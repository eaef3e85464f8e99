/*
 * Kds_plan: what the key service is asked for next, and when: one request at a time, a pause after
 * each, a longer one after failures, each key once for all who wait, and what it gave or refused
 * remembered for a while.
 *
 * What is published for all chips goes first.  Chips share a rate of their own, which is what the
 * service limits: known ones go before strangers, but every fourth request is a stranger's if one
 * waits; within each, kds_turn decides.
 *
 * Pure: keys, times and chance in, a decision out.  It knows neither sockets nor who waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/kds_reply.h"
#include "ca/kds_turn.h"
#include "ca/vendor.h"
#include "common/bytes.h"
#include "common/compiler.h"

#define KDS_PLAN_SLOTS 64          /* keys at one time */
#define KDS_PLAN_KNOWN 32          /* queued requests for chips that are known */
#define KDS_PLAN_STRANGERS 8       /* for chips that nobody knows */
#define KDS_PLAN_KNOWN_IN_A_ROW 3  /* while a stranger waits */
#define KDS_PLAN_HELD_MS 600000    /* how long an answer serves that the store has not kept */
#define KDS_PLAN_ABSENT_MS 3600000 /* how long it is believed that there is no such stranger */

struct kds_plan; /* opaque */

enum kds_state {
    KDS_STATE_QUEUED,  /* it will be asked for, or is being */
    KDS_STATE_HELD,    /* the answer is here */
    KDS_STATE_NONE,    /* the service has no such thing */
    KDS_STATE_REFUSED, /* not now: the service fails, or too many wait */
};

struct kds_plan_answer {
    enum kds_state state;
    struct bytes data; /* KDS_STATE_HELD: borrowed, until the plan is called again */
    uint64_t wait_ms;  /* KDS_STATE_REFUSED: how long to stay away; KDS_STATE_QUEUED: until it is
                          asked for, if nothing fails and nobody is preferred */
};

/* Who needs something. */
struct kds_asker {
    bool known; /* its chip: something of it was accepted before, or the policy names it */
    struct source source;
};

/* NULL: out of memory.  `random` is any number. */
struct kds_plan *kds_plan_new(uint64_t interval_ms, uint64_t random);
void kds_plan_free(struct kds_plan *plan); /* accepts NULL */

/* Somebody needs this: queues it unless there is an answer, maybe in the place of another. */
struct kds_plan_answer kds_plan_ask(struct kds_plan *plan, const struct vendor_key *key,
                                    const struct kds_asker *asker, uint64_t now_ms);

/* How it stands with what was asked for; KDS_STATE_REFUSED too if it was dropped. */
struct kds_plan_answer kds_plan_look(struct kds_plan *plan, const struct vendor_key *key,
                                     uint64_t now_ms);

/* The next request, if it is time for one: it is then under way.  False: none; `out_wait_ms` is
   when to call again (UINT64_MAX: after the next kds_plan_ask()). */
MUST_CHECK bool kds_plan_next(struct kds_plan *plan, uint64_t now_ms, struct vendor_key *out_key,
                              uint64_t *out_wait_ms);

/* The request under way has ended.  `data` (copied) with KDS_GIVEN.  After KDS_BUSY and KDS_DOWN
   all that was queued is dropped.  `random` is any number. */
void kds_plan_done(struct kds_plan *plan, const struct kds_reply *reply, struct bytes data,
                   uint64_t now_ms, uint64_t random);

/* Evidence was refused for what the service gave.  It serves others a while longer, since evidence
   may lie about itself, and is then asked for again. */
void kds_plan_doubt(struct kds_plan *plan, const struct vendor_key *key, uint64_t now_ms);

/* The store has it now. */
void kds_plan_forget(struct kds_plan *plan, const struct vendor_key *key);

/* Requests that wait. */
size_t kds_plan_queued(const struct kds_plan *plan);
