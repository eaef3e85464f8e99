/*
 * Kds_plan: a slot for each key.
 */
#include "ca/kds_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_UNDER_WAY, SLOT_HELD, SLOT_NONE, SLOT_BAD };

struct slot {
    enum slot_state state;
    struct vendor_key key;
    bool known;
    uint64_t order;    /* of being queued */
    uint64_t until_ms; /* held, none and bad end then */
    unsigned failures; /* bad answers in a row */
    uint8_t *data;     /* held; owned */
    size_t len;
};

struct kds_plan {
    uint64_t interval_ms;
    uint64_t next_ms;  /* no request before */
    unsigned failures; /* of the service, in a row */
    uint64_t num_asked;
    struct slot slots[KDS_PLAN_SLOTS];
};

struct kds_plan *kds_plan_new(uint64_t interval_ms)
{
    struct kds_plan *plan = calloc(1, sizeof(*plan));

    if (plan != NULL) {
        plan->interval_ms = interval_ms;
    }
    return plan;
}

static void slot_clear(struct slot *slot)
{
    free(slot->data);
    *slot = (struct slot){.state = SLOT_FREE};
}

void kds_plan_free(struct kds_plan *plan)
{
    for (size_t i = 0; plan != NULL && i < KDS_PLAN_SLOTS; i++) {
        free(plan->slots[i].data);
    }
    free(plan);
}

static bool slot_lapses(const struct slot *slot)
{
    return slot->state == SLOT_HELD || slot->state == SLOT_NONE || slot->state == SLOT_BAD;
}

static struct slot *find(struct kds_plan *plan, const struct vendor_key *key)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct slot *slot = &plan->slots[i];

        if (slot->state != SLOT_FREE && vendor_key_same(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

/* A free place, or that of what would lapse first; NULL: all are queued. */
static struct slot *find_place(struct kds_plan *plan)
{
    struct slot *place = NULL;

    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct slot *slot = &plan->slots[i];

        if (slot->state == SLOT_FREE) {
            return slot;
        }
        if (slot_lapses(slot) && (place == NULL || slot->until_ms < place->until_ms)) {
            place = slot;
        }
    }
    return place;
}

static uint64_t left_ms(uint64_t until_ms, uint64_t now_ms)
{
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

/* Doubles with each failure. */
static uint64_t pause_ms(const struct kds_plan *plan, unsigned failures)
{
    uint64_t pause = plan->interval_ms;

    for (unsigned i = 0; i < failures && pause < KDS_PLAN_PAUSE_MAX_MS; i++) {
        pause *= 2;
    }
    return pause < KDS_PLAN_PAUSE_MAX_MS ? pause : KDS_PLAN_PAUSE_MAX_MS;
}

size_t kds_plan_queued(const struct kds_plan *plan)
{
    size_t num = 0;

    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        num += plan->slots[i].state == SLOT_QUEUED ? 1 : 0;
    }
    return num;
}

static size_t num_strangers(const struct kds_plan *plan)
{
    size_t num = 0;

    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        num += plan->slots[i].state == SLOT_QUEUED && !plan->slots[i].known ? 1 : 0;
    }
    return num;
}

static struct kds_plan_answer queue(struct kds_plan *plan, struct slot *slot,
                                    const struct vendor_key *key, bool known, uint64_t now_ms)
{
    unsigned failures = 0;

    if (slot == NULL) {
        slot = find_place(plan);
    } else {
        failures = slot->failures; /* asked again for the same */
    }
    if (slot == NULL || (!known && num_strangers(plan) >= KDS_PLAN_STRANGERS)) {
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, pause_ms(plan, 1)};
    }
    slot_clear(slot);
    *slot = (struct slot){.state = SLOT_QUEUED,
                          .key = *key,
                          .known = known,
                          .order = plan->num_asked++,
                          .failures = failures};
    return (struct kds_plan_answer){KDS_STATE_QUEUED, {0}, left_ms(plan->next_ms, now_ms)};
}

/* True if the slot says something now; one that has lapsed is only remembered for its failures. */
static bool slot_stands(const struct slot *slot, uint64_t now_ms)
{
    return slot != NULL && (!slot_lapses(slot) || slot->until_ms > now_ms);
}

static struct kds_plan_answer read_slot(const struct kds_plan *plan, const struct slot *slot,
                                        uint64_t now_ms)
{
    uint64_t wait_ms = left_ms(plan->next_ms, now_ms);

    switch (slot->state) {
    case SLOT_HELD:
        return (struct kds_plan_answer){KDS_STATE_HELD, {slot->data, slot->len}, 0};
    case SLOT_NONE:
        return (struct kds_plan_answer){.state = KDS_STATE_NONE};
    case SLOT_BAD:
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, left_ms(slot->until_ms, now_ms)};
    case SLOT_FREE:
    case SLOT_QUEUED:
    case SLOT_UNDER_WAY:
        break;
    }
    return (struct kds_plan_answer){KDS_STATE_QUEUED, {0}, wait_ms};
}

struct kds_plan_answer kds_plan_look(struct kds_plan *plan, const struct vendor_key *key,
                                     uint64_t now_ms)
{
    const struct slot *slot = find(plan, key);

    return slot_stands(slot, now_ms)
               ? read_slot(plan, slot, now_ms)
               : (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, left_ms(plan->next_ms, now_ms)};
}

struct kds_plan_answer kds_plan_ask(struct kds_plan *plan, const struct vendor_key *key, bool known,
                                    uint64_t now_ms)
{
    struct slot *slot = find(plan, key);

    if (slot_stands(slot, now_ms)) {
        slot->known = slot->known || known;
        return read_slot(plan, slot, now_ms);
    }
    if (plan->failures > 0 && plan->next_ms > now_ms) {
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, plan->next_ms - now_ms};
    }
    return queue(plan, slot, key, known, now_ms);
}

bool kds_plan_next(struct kds_plan *plan, uint64_t now_ms, struct vendor_key *out_key,
                   uint64_t *out_wait_ms)
{
    struct slot *next = NULL;

    *out_wait_ms = UINT64_MAX;
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct slot *slot = &plan->slots[i];

        if (slot->state == SLOT_UNDER_WAY) {
            return false;
        }
        if (slot->state == SLOT_QUEUED &&
            (next == NULL || (slot->known && !next->known) ||
             (slot->known == next->known && slot->order < next->order))) {
            next = slot;
        }
    }
    if (next == NULL) {
        return false;
    }
    *out_wait_ms = left_ms(plan->next_ms, now_ms);
    if (*out_wait_ms > 0) {
        return false;
    }
    next->state = SLOT_UNDER_WAY;
    *out_key = next->key;
    return true;
}

static struct slot *find_under_way(struct kds_plan *plan)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        if (plan->slots[i].state == SLOT_UNDER_WAY) {
            return &plan->slots[i];
        }
    }
    return NULL;
}

/* The service fails: whoever still needs something asks again. */
static void hold_off(struct kds_plan *plan, const struct kds_reply *reply, uint64_t now_ms,
                     uint64_t random)
{
    uint64_t most = pause_ms(plan, plan->failures);
    uint64_t pause =
        random % (most + 1); /* all of it is chance, so that many do not return at once */

    plan->failures++;
    pause = pause > plan->interval_ms ? pause : plan->interval_ms;
    pause = pause > reply->retry_ms ? pause : reply->retry_ms;
    plan->next_ms = now_ms + pause;
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        if (plan->slots[i].state == SLOT_QUEUED || plan->slots[i].state == SLOT_UNDER_WAY) {
            slot_clear(&plan->slots[i]);
        }
    }
}

static void set_bad(const struct kds_plan *plan, struct slot *slot, uint64_t retry_ms,
                    uint64_t now_ms)
{
    uint64_t pause = pause_ms(plan, slot->failures);

    slot->state = SLOT_BAD;
    slot->until_ms = now_ms + (pause > retry_ms ? pause : retry_ms);
    slot->failures++;
}

void kds_plan_done(struct kds_plan *plan, const struct kds_reply *reply, struct bytes data,
                   uint64_t now_ms, uint64_t random)
{
    struct slot *slot = find_under_way(plan);

    assert(slot != NULL);
    if (reply->outcome == KDS_BUSY || reply->outcome == KDS_DOWN) {
        hold_off(plan, reply, now_ms, random);
        return;
    }
    plan->failures = 0;
    plan->next_ms = now_ms + plan->interval_ms;
    slot->until_ms = now_ms + KDS_PLAN_HELD_MS;
    slot->state = SLOT_NONE;
    if (reply->outcome == KDS_GIVEN) {
        slot->data = malloc(data.len);
        slot->state = SLOT_HELD;
        slot->len = data.len;
    }
    if (reply->outcome == KDS_BAD || (reply->outcome == KDS_GIVEN && slot->data == NULL)) {
        set_bad(plan, slot, reply->retry_ms, now_ms);
    } else if (reply->outcome == KDS_GIVEN) {
        memcpy(slot->data, data.data, data.len);
    }
}

void kds_plan_doubt(struct kds_plan *plan, const struct vendor_key *key, uint64_t now_ms)
{
    struct slot *slot = find(plan, key);
    uint64_t until_ms = 0;

    if (slot == NULL || slot->state != SLOT_HELD) {
        return;
    }
    until_ms = now_ms + pause_ms(plan, slot->failures);
    if (until_ms < slot->until_ms) {
        slot->until_ms = until_ms;
        slot->failures++;
    }
}

void kds_plan_forget(struct kds_plan *plan, const struct vendor_key *key)
{
    struct slot *slot = find(plan, key);

    if (slot != NULL && slot->state == SLOT_HELD) {
        slot_clear(slot);
    }
}
