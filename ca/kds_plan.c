/*
 * Kds_plan: a slot for each key.
 */
#include "ca/kds_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ca/kds_absent.h"
#include "ca/kds_pace.h"

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_UNDER_WAY, SLOT_HELD, SLOT_BAD };

/* Whose requests share places and turns. */
enum rank { RANK_COMMON, RANK_KNOWN, RANK_STRANGER, RANKS };

static const size_t places[RANKS] = {
    [RANK_COMMON] = KDS_PLAN_SLOTS,
    [RANK_KNOWN] = KDS_PLAN_KNOWN,
    [RANK_STRANGER] = KDS_PLAN_STRANGERS,
};

struct slot {
    enum slot_state state;
    struct vendor_key key;
    struct kds_asker asker;
    uint64_t order;    /* of being queued */
    uint64_t until_ms; /* held and bad end then */
    unsigned failures; /* bad answers in a row */
    uint8_t *data;     /* held; owned */
    size_t len;
};

/* The queued ones of a rank, the first first. */
struct line {
    struct slot *slots[KDS_PLAN_SLOTS];
    struct source sources[KDS_PLAN_SLOTS];
    size_t num;
};

struct kds_plan {
    struct kds_pace pace;
    unsigned known_in_a_row; /* requests for known chips since one for a stranger */
    uint64_t num_asked;
    struct kds_turn turn;
    struct kds_absent absent;
    struct slot slots[KDS_PLAN_SLOTS];
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
    return slot->state == SLOT_HELD || slot->state == SLOT_BAD;
}

static enum rank rank_of(const struct vendor_key *key, const struct kds_asker *asker)
{
    if (key->kind != VENDOR_VCEK) {
        return RANK_COMMON;
    }
    return asker->known ? RANK_KNOWN : RANK_STRANGER;
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

static struct slot *find_under_way(struct kds_plan *plan)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        if (plan->slots[i].state == SLOT_UNDER_WAY) {
            return &plan->slots[i];
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

static void line_up(struct kds_plan *plan, enum rank rank, struct line *out_line)
{
    out_line->num = 0;
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct slot *slot = &plan->slots[i];
        size_t at = out_line->num;

        if (slot->state != SLOT_QUEUED || rank_of(&slot->key, &slot->asker) != rank) {
            continue;
        }
        for (; at > 0 && out_line->slots[at - 1]->order > slot->order; at--) {
            out_line->slots[at] = out_line->slots[at - 1];
            out_line->sources[at] = out_line->sources[at - 1];
        }
        out_line->slots[at] = slot;
        out_line->sources[at] = slot->asker.source;
        out_line->num++;
    }
}

size_t kds_plan_queued(const struct kds_plan *plan)
{
    size_t num = 0;

    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        num += plan->slots[i].state == SLOT_QUEUED ? 1 : 0;
    }
    return num;
}

/* A place in the line of its rank; if that is full, the place of whoever's turn would be last,
   unless that is the newcomer's.  NULL: none. */
static struct slot *take_place(struct kds_plan *plan, enum rank rank, const struct kds_asker *asker,
                               struct line *line)
{
    size_t last = 0;

    line_up(plan, rank, line);
    if (line->num < places[rank]) {
        return find_place(plan);
    }
    if (line->num == KDS_PLAN_SLOTS) {
        return NULL;
    }
    line->sources[line->num] = asker->source;
    last = kds_turn_last(&plan->turn, line->sources, line->num + 1);
    return last < line->num ? line->slots[last] : NULL;
}

static struct kds_plan_answer queue(struct kds_plan *plan, struct slot *slot,
                                    const struct vendor_key *key, const struct kds_asker *asker,
                                    uint64_t now_ms)
{
    enum rank rank = rank_of(key, asker);
    unsigned failures = 0;
    uint64_t wait_ms = 0;
    struct line line;

    if (slot != NULL) {
        failures = slot->failures; /* asked again for the same */
        slot_clear(slot);
    }
    slot = take_place(plan, rank, asker, &line);
    wait_ms = kds_pace_wait(&plan->pace, key->kind, line.num, now_ms);
    if (slot == NULL) {
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, wait_ms};
    }
    slot_clear(slot);
    *slot = (struct slot){.state = SLOT_QUEUED,
                          .key = *key,
                          .asker = *asker,
                          .order = plan->num_asked++,
                          .failures = failures};
    return (struct kds_plan_answer){KDS_STATE_QUEUED, {0}, wait_ms};
}

static uint64_t left_ms(uint64_t until_ms, uint64_t now_ms)
{
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

/* True if the slot says something now; one that has lapsed is only remembered for its failures. */
static bool slot_stands(const struct slot *slot, uint64_t now_ms)
{
    return slot != NULL && (!slot_lapses(slot) || slot->until_ms > now_ms);
}

static struct kds_plan_answer read_slot(const struct kds_plan *plan, const struct slot *slot,
                                        uint64_t now_ms)
{
    switch (slot->state) {
    case SLOT_HELD:
        return (struct kds_plan_answer){KDS_STATE_HELD, {slot->data, slot->len}, 0};
    case SLOT_BAD:
        return (struct kds_plan_answer){KDS_STATE_REFUSED, {0}, left_ms(slot->until_ms, now_ms)};
    case SLOT_FREE:
    case SLOT_QUEUED:
    case SLOT_UNDER_WAY:
        break;
    }
    return (struct kds_plan_answer){
        KDS_STATE_QUEUED, {0}, kds_pace_wait(&plan->pace, slot->key.kind, 0, now_ms)};
}

struct kds_plan_answer kds_plan_look(struct kds_plan *plan, const struct vendor_key *key,
                                     uint64_t now_ms)
{
    const struct slot *slot = find(plan, key);

    if (slot_stands(slot, now_ms)) {
        return read_slot(plan, slot, now_ms);
    }
    if (kds_absent_has(&plan->absent, key, now_ms)) {
        return (struct kds_plan_answer){.state = KDS_STATE_NONE};
    }
    return (struct kds_plan_answer){
        KDS_STATE_REFUSED, {0}, kds_pace_wait(&plan->pace, key->kind, 0, now_ms)};
}

/* Somebody else needs it too: it counts as his if that helps it. */
static void join(struct kds_plan *plan, struct slot *slot, const struct kds_asker *asker)
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
    struct slot *slot = find(plan, key);

    if (slot_stands(slot, now_ms)) {
        if (slot->state == SLOT_QUEUED) {
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
static struct slot *next_chip(struct kds_plan *plan)
{
    struct line known;
    struct line strangers;
    const struct line *line = &known;

    line_up(plan, RANK_KNOWN, &known);
    line_up(plan, RANK_STRANGER, &strangers);
    if (known.num == 0 || (strangers.num > 0 && plan->known_in_a_row >= KDS_PLAN_KNOWN_IN_A_ROW)) {
        line = &strangers;
    }
    return line->num > 0 ? line->slots[kds_turn_next(&plan->turn, line->sources, line->num)] : NULL;
}

bool kds_plan_next(struct kds_plan *plan, uint64_t now_ms, struct vendor_key *out_key,
                   uint64_t *out_wait_ms)
{
    struct line common;
    struct slot *next = NULL;

    *out_wait_ms = UINT64_MAX;
    if (find_under_way(plan) != NULL) {
        return false;
    }
    line_up(plan, RANK_COMMON, &common);
    next = common.num > 0 ? common.slots[0] : next_chip(plan);
    if (next == NULL) {
        return false;
    }
    *out_wait_ms = kds_pace_wait(&plan->pace, next->key.kind, 0, now_ms);
    if (*out_wait_ms > 0) {
        return false;
    }
    next->state = SLOT_UNDER_WAY;
    kds_pace_begin(&plan->pace, next->key.kind, now_ms);
    *out_key = next->key;
    return true;
}

static void set_bad(const struct kds_plan *plan, struct slot *slot, uint64_t retry_ms,
                    uint64_t now_ms)
{
    uint64_t pause = kds_pace_pause(&plan->pace, slot->failures);

    slot->state = SLOT_BAD;
    slot->until_ms = now_ms + (pause > retry_ms ? pause : retry_ms);
    slot->failures++;
}

static void set_held(const struct kds_plan *plan, struct slot *slot, struct bytes data,
                     uint64_t now_ms)
{
    slot->data = malloc(data.len);
    if (slot->data == NULL) {
        set_bad(plan, slot, 0, now_ms);
        return;
    }
    memcpy(slot->data, data.data, data.len);
    slot->len = data.len;
    slot->state = SLOT_HELD;
    slot->until_ms = now_ms + KDS_PLAN_HELD_MS;
}

/* Whoever still needs something asks again. */
static void drop_queued(struct kds_plan *plan)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        if (plan->slots[i].state == SLOT_QUEUED || plan->slots[i].state == SLOT_UNDER_WAY) {
            slot_clear(&plan->slots[i]);
        }
    }
}

/* Somebody's chip was asked for, whatever came of it. */
static void count_turn(struct kds_plan *plan, const struct slot *slot, uint64_t random)
{
    enum rank rank = rank_of(&slot->key, &slot->asker);

    if (rank != RANK_COMMON) {
        kds_turn_serve(&plan->turn, &slot->asker.source, random);
        plan->known_in_a_row = rank == RANK_KNOWN ? plan->known_in_a_row + 1 : 0;
    }
}

void kds_plan_done(struct kds_plan *plan, const struct kds_reply *reply, struct bytes data,
                   uint64_t now_ms, uint64_t random)
{
    struct slot *slot = find_under_way(plan);
    enum rank rank = RANK_COMMON;

    assert(slot != NULL);
    rank = rank_of(&slot->key, &slot->asker);
    kds_pace_end(&plan->pace, slot->key.kind, reply, now_ms, random);
    if (reply->outcome != KDS_BUSY && reply->outcome != KDS_DOWN) {
        count_turn(plan, slot, random);
    }
    switch (reply->outcome) {
    case KDS_GIVEN:
        set_held(plan, slot, data, now_ms);
        break;
    case KDS_ABSENT: /* the service is known to deny for a day what it has */
        kds_absent_add(&plan->absent, &slot->key,
                       now_ms + (rank == RANK_STRANGER ? KDS_PLAN_ABSENT_MS : KDS_PLAN_HELD_MS));
        slot_clear(slot);
        break;
    case KDS_BAD:
        set_bad(plan, slot, reply->retry_ms, now_ms);
        break;
    case KDS_BUSY:
    case KDS_DOWN:
    case KDS_OUTCOMES:
        drop_queued(plan);
        break;
    }
}

void kds_plan_doubt(struct kds_plan *plan, const struct vendor_key *key, uint64_t now_ms)
{
    struct slot *slot = find(plan, key);
    uint64_t until_ms = 0;

    if (slot == NULL || slot->state != SLOT_HELD) {
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
    struct slot *slot = find(plan, key);

    if (slot != NULL && slot->state == SLOT_HELD) {
        slot_clear(slot);
    }
}
