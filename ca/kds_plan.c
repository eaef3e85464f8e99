/*
 * Kds_plan: who gets a place, whose turn is next, and what becomes of an answer.
 */
#include "ca/kds_plan.h"

#include <assert.h>
#include <stdlib.h>

#include "ca/kds_absent.h"
#include "ca/kds_pace.h"
#include "ca/kds_slots.h"

static const size_t places[KDS_RANKS] = {
    [KDS_RANK_COMMON] = KDS_PLAN_SLOTS,
    [KDS_RANK_KNOWN] = KDS_PLAN_KNOWN,
    [KDS_RANK_STRANGER] = KDS_PLAN_STRANGERS,
};

struct kds_plan {
    struct kds_pace pace;
    unsigned known_in_a_row; /* requests for known chips since one for a stranger */
    struct kds_turn turn;
    struct kds_absent absent;
    struct kds_slots slots;
};

struct kds_plan *kds_plan_new(uint64_t interval_ms, uint64_t random)
{
    struct kds_plan *plan = calloc(1, sizeof(*plan));

    if (plan != NULL) {
        plan->pace.interval_ms = interval_ms;
        plan->turn.salt = random;
    }
    return plan;
}

void kds_plan_free(struct kds_plan *plan)
{
    if (plan != NULL) {
        kds_slots_deinit(&plan->slots);
        free(plan);
    }
}

size_t kds_plan_queued(const struct kds_plan *plan)
{
    return kds_slots_queued(&plan->slots);
}

/* A place in the line of its rank; if that is full, the place of whoever's turn would be last,
   unless that is the newcomer's.  NULL: none. */
static struct kds_slot *take_place(struct kds_plan *plan, enum kds_rank rank,
                                   const struct kds_asker *asker, struct kds_line *line)
{
    size_t last = 0;

    kds_slots_line_up(&plan->slots, rank, line);
    if (line->num < places[rank]) {
        return kds_slots_place(&plan->slots);
    }
    if (line->num == KDS_PLAN_SLOTS) {
        return NULL;
    }
    line->sources[line->num] = asker->source;
    last = kds_turn_last(&plan->turn, line->sources, line->num + 1);
    return last < line->num ? line->slots[last] : NULL;
}

static struct kds_plan_answer queue(struct kds_plan *plan, struct kds_slot *slot,
                                    const struct vendor_key *key, const struct kds_asker *asker,
                                    uint64_t now_ms)
{
    enum kds_rank rank = kds_rank_of(key, asker);
    unsigned failures = 0;
    uint64_t wait_ms = 0;
    struct kds_line line;

    if (slot != NULL) {
        failures = slot->failures; /* asked again for the same */
        kds_slot_clear(slot);
    }
    slot = take_place(plan, rank, asker, &line);
    wait_ms = kds_pace_wait(&plan->pace, key->kind, line.num, now_ms);
    if (slot == NULL) {
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, wait_ms};
    }
    kds_slots_queue(&plan->slots, slot, key, asker, failures);
    return (struct kds_plan_answer){KDS_STATE_QUEUED, {0}, wait_ms};
}

static uint64_t left_ms(uint64_t until_ms, uint64_t now_ms)
{
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

static struct kds_plan_answer read_slot(const struct kds_plan *plan, const struct kds_slot *slot,
                                        uint64_t now_ms)
{
    switch (slot->state) {
    case KDS_SLOT_HELD:
        return (struct kds_plan_answer){KDS_STATE_HELD, {slot->data, slot->len}, 0};
    case KDS_SLOT_BAD:
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, left_ms(slot->until_ms, now_ms)};
    case KDS_SLOT_FREE:
    case KDS_SLOT_QUEUED:
    case KDS_SLOT_UNDER_WAY:
        break;
    }
    return (struct kds_plan_answer){
        KDS_STATE_QUEUED, {0}, kds_pace_wait(&plan->pace, slot->key.kind, 0, now_ms)};
}

struct kds_plan_answer kds_plan_look(struct kds_plan *plan, const struct vendor_key *key,
                                     uint64_t now_ms)
{
    const struct kds_slot *slot = kds_slots_find(&plan->slots, key);

    if (kds_slot_stands(slot, now_ms)) {
        return read_slot(plan, slot, now_ms);
    }
    if (kds_absent_has(&plan->absent, key, now_ms)) {
        return (struct kds_plan_answer){.state = KDS_STATE_NONE};
    }
    return (struct kds_plan_answer){
        KDS_STATE_REFUSED, {0}, kds_pace_wait(&plan->pace, key->kind, 0, now_ms)};
}

/* Somebody else needs it too: it counts as his if that helps it. */
static void join(struct kds_plan *plan, struct kds_slot *slot, const struct kds_asker *asker)
{
    const struct source sources[] = {slot->asker.source, asker->source};

    if (kds_turn_next(&plan->turn, sources, 2) == 1) {
        slot->asker.source = asker->source;
    }
    slot->asker.known = slot->asker.known || asker->known;
}

struct kds_plan_answer kds_plan_ask(struct kds_plan *plan, const struct vendor_key *key,
                                    const struct kds_asker *asker, uint64_t now_ms)
{
    struct kds_slot *slot = kds_slots_find(&plan->slots, key);

    if (kds_slot_stands(slot, now_ms)) {
        if (slot->state == KDS_SLOT_QUEUED) {
            join(plan, slot, asker);
        }
        return read_slot(plan, slot, now_ms);
    }
    if (kds_absent_has(&plan->absent, key, now_ms)) {
        return (struct kds_plan_answer){.state = KDS_STATE_NONE};
    }
    if (kds_pace_is_held(&plan->pace, now_ms)) {
        return (struct kds_plan_answer){
            KDS_STATE_REFUSED, {0}, kds_pace_wait(&plan->pace, key->kind, 0, now_ms)};
    }
    return queue(plan, slot, key, asker, now_ms);
}

/* The chip whose turn it is; NULL: none is wanted. */
static struct kds_slot *next_chip(struct kds_plan *plan)
{
    struct kds_line known;
    struct kds_line strangers;
    const struct kds_line *line = &known;

    kds_slots_line_up(&plan->slots, KDS_RANK_KNOWN, &known);
    kds_slots_line_up(&plan->slots, KDS_RANK_STRANGER, &strangers);
    if (known.num == 0 || (strangers.num > 0 && plan->known_in_a_row >= KDS_PLAN_KNOWN_IN_A_ROW)) {
        line = &strangers;
    }
    return line->num > 0 ? line->slots[kds_turn_next(&plan->turn, line->sources, line->num)] : NULL;
}

bool kds_plan_next(struct kds_plan *plan, uint64_t now_ms, struct vendor_key *out_key,
                   uint64_t *out_wait_ms)
{
    struct kds_line common;
    struct kds_slot *next = NULL;

    *out_wait_ms = UINT64_MAX;
    if (kds_slots_under_way(&plan->slots) != NULL) {
        return false;
    }
    kds_slots_line_up(&plan->slots, KDS_RANK_COMMON, &common);
    next = common.num > 0 ? common.slots[0] : next_chip(plan);
    if (next == NULL) {
        return false;
    }
    *out_wait_ms = kds_pace_wait(&plan->pace, next->key.kind, 0, now_ms);
    if (*out_wait_ms > 0) {
        return false;
    }
    next->state = KDS_SLOT_UNDER_WAY;
    kds_pace_begin(&plan->pace, next->key.kind, now_ms);
    *out_key = next->key;
    return true;
}

static void set_bad(const struct kds_plan *plan, struct kds_slot *slot, uint64_t retry_ms,
                    uint64_t now_ms)
{
    uint64_t pause = kds_pace_pause(&plan->pace, slot->failures);

    kds_slot_set_bad(slot, now_ms + (pause > retry_ms ? pause : retry_ms));
}

/* Somebody's chip was asked for, whatever came of it. */
static void count_turn(struct kds_plan *plan, const struct kds_slot *slot, uint64_t random)
{
    enum kds_rank rank = kds_rank_of(&slot->key, &slot->asker);

    if (rank != KDS_RANK_COMMON) {
        kds_turn_serve(&plan->turn, &slot->asker.source, random);
        plan->known_in_a_row = rank == KDS_RANK_KNOWN ? plan->known_in_a_row + 1 : 0;
    }
}

void kds_plan_done(struct kds_plan *plan, const struct kds_reply *reply, struct bytes data,
                   uint64_t now_ms, uint64_t random)
{
    struct kds_slot *slot = kds_slots_under_way(&plan->slots);
    enum kds_rank rank = KDS_RANK_COMMON;

    assert(slot != NULL);
    rank = kds_rank_of(&slot->key, &slot->asker);
    kds_pace_end(&plan->pace, slot->key.kind, reply, now_ms, random);
    if (reply->outcome != KDS_BUSY && reply->outcome != KDS_DOWN) {
        count_turn(plan, slot, random);
    }
    switch (reply->outcome) {
    case KDS_GIVEN:
        if (!kds_slot_hold(slot, data, now_ms + KDS_PLAN_HELD_MS)) {
            set_bad(plan, slot, 0, now_ms);
        }
        break;
    case KDS_ABSENT: /* the service is known to deny for a day what it has */
        kds_absent_add(&plan->absent, &slot->key,
                       now_ms +
                           (rank == KDS_RANK_STRANGER ? KDS_PLAN_ABSENT_MS : KDS_PLAN_HELD_MS));
        kds_slot_clear(slot);
        break;
    case KDS_BAD:
        set_bad(plan, slot, reply->retry_ms, now_ms);
        break;
    case KDS_BUSY:
    case KDS_DOWN:
    case KDS_OUTCOMES:
        kds_slots_drop_queued(&plan->slots); /* whoever still needs something asks again */
        break;
    }
}

void kds_plan_doubt(struct kds_plan *plan, const struct vendor_key *key, uint64_t now_ms)
{
    struct kds_slot *slot = kds_slots_find(&plan->slots, key);
    uint64_t until_ms = 0;

    if (slot == NULL || slot->state != KDS_SLOT_HELD) {
        return;
    }
    until_ms = now_ms + kds_pace_pause(&plan->pace, slot->failures);
    if (until_ms < slot->until_ms) {
        slot->until_ms = until_ms;
        slot->failures++;
    }
}

void kds_plan_forget(struct kds_plan *plan, const struct vendor_key *key)
{
    struct kds_slot *slot = kds_slots_find(&plan->slots, key);

    if (slot != NULL && slot->state == KDS_SLOT_HELD) {
        kds_slot_clear(slot);
    }
}
