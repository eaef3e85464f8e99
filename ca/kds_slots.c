/*
 * Kds_slots: a slot for each key, in no order.
 */
#include "ca/kds_slots.h"

#include <stdlib.h>
#include <string.h>

void kds_slot_clear(struct kds_slot *slot)
{
    free(slot->data);
    *slot = (struct kds_slot){.state = KDS_SLOT_FREE};
}

void kds_slots_deinit(struct kds_slots *slots)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        kds_slot_clear(&slots->all[i]);
    }
}

static bool lapses(const struct kds_slot *slot)
{
    return slot->state == KDS_SLOT_HELD || slot->state == KDS_SLOT_BAD;
}

bool kds_slot_stands(const struct kds_slot *slot, uint64_t now_ms)
{
    return slot != NULL && (!lapses(slot) || slot->until_ms > now_ms);
}

bool kds_slot_hold(struct kds_slot *slot, struct bytes data, uint64_t until_ms)
{
    uint8_t *copy = malloc(data.len);

    if (copy == NULL) {
        return false;
    }
    memcpy(copy, data.data, data.len);
    slot->data = copy;
    slot->len = data.len;
    slot->state = KDS_SLOT_HELD;
    slot->until_ms = until_ms;
    return true;
}

void kds_slot_set_bad(struct kds_slot *slot, uint64_t until_ms)
{
    slot->state = KDS_SLOT_BAD;
    slot->until_ms = until_ms;
    slot->failures++;
}

enum kds_rank kds_rank_of(const struct vendor_key *key, const struct kds_asker *asker)
{
    if (key->kind != VENDOR_VCEK) {
        return KDS_RANK_COMMON;
    }
    return asker->known ? KDS_RANK_KNOWN : KDS_RANK_STRANGER;
}

struct kds_slot *kds_slots_find(struct kds_slots *slots, const struct vendor_key *key)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct kds_slot *slot = &slots->all[i];

        if (slot->state != KDS_SLOT_FREE && vendor_key_same(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

struct kds_slot *kds_slots_under_way(struct kds_slots *slots)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        if (slots->all[i].state == KDS_SLOT_UNDER_WAY) {
            return &slots->all[i];
        }
    }
    return NULL;
}

struct kds_slot *kds_slots_place(struct kds_slots *slots)
{
    struct kds_slot *place = NULL;

    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct kds_slot *slot = &slots->all[i];

        if (slot->state == KDS_SLOT_FREE) {
            return slot;
        }
        if (lapses(slot) && (place == NULL || slot->until_ms < place->until_ms)) {
            place = slot;
        }
    }
    return place;
}

void kds_slots_line_up(struct kds_slots *slots, enum kds_rank rank, struct kds_line *out_line)
{
    out_line->num = 0;
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct kds_slot *slot = &slots->all[i];
        size_t at = out_line->num;

        if (slot->state != KDS_SLOT_QUEUED || kds_rank_of(&slot->key, &slot->asker) != rank) {
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

size_t kds_slots_queued(const struct kds_slots *slots)
{
    size_t num = 0;

    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        num += slots->all[i].state == KDS_SLOT_QUEUED ? 1 : 0;
    }
    return num;
}

void kds_slots_drop_queued(struct kds_slots *slots)
{
    for (size_t i = 0; i < KDS_PLAN_SLOTS; i++) {
        struct kds_slot *slot = &slots->all[i];

        if (slot->state == KDS_SLOT_QUEUED || slot->state == KDS_SLOT_UNDER_WAY) {
            kds_slot_clear(slot);
        }
    }
}

void kds_slots_queue(struct kds_slots *slots, struct kds_slot *slot, const struct vendor_key *key,
                     const struct kds_asker *asker, unsigned failures)
{
    kds_slot_clear(slot);
    *slot = (struct kds_slot){.state = KDS_SLOT_QUEUED,
                              .key = *key,
                              .asker = *asker,
                              .order = slots->num_queued++,
                              .failures = failures};
}
