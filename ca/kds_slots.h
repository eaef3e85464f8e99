/*
 * Kds_slots: what the plan knows of each key: that somebody waits for it, since when and for whom,
 * or what the key service said.  For kds_plan.c.
 *
 * It keeps and finds, and decides nothing: who may have a place, and what is next, is the plan's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/kds_plan.h"
#include "ca/vendor.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/source.h"

enum kds_slot_state {
    KDS_SLOT_FREE,
    KDS_SLOT_QUEUED,
    KDS_SLOT_UNDER_WAY, /* one at most */
    KDS_SLOT_HELD,
    KDS_SLOT_BAD,
};

/* Whose requests share places and turns. */
enum kds_rank { KDS_RANK_COMMON, KDS_RANK_KNOWN, KDS_RANK_STRANGER, KDS_RANKS };

struct kds_slot {
    enum kds_slot_state state;
    struct vendor_key key;
    struct kds_asker asker;
    uint64_t order;    /* of being queued */
    uint64_t until_ms; /* held and bad end then */
    unsigned failures; /* bad answers in a row */
    uint8_t *data;     /* held; owned */
    size_t len;
};

/* {0} is empty. */
struct kds_slots {
    struct kds_slot all[KDS_PLAN_SLOTS];
    uint64_t num_queued; /* ever */
};

/* The queued ones of a rank, the first first. */
struct kds_line {
    struct kds_slot *slots[KDS_PLAN_SLOTS];
    struct source sources[KDS_PLAN_SLOTS];
    size_t num;
};

void kds_slots_deinit(struct kds_slots *slots);

enum kds_rank kds_rank_of(const struct vendor_key *key, const struct kds_asker *asker);

/* NULL: there is none. */
struct kds_slot *kds_slots_find(struct kds_slots *slots, const struct vendor_key *key);
struct kds_slot *kds_slots_under_way(struct kds_slots *slots);

/* A free one, or the one that would lapse first; NULL: somebody waits for each. */
struct kds_slot *kds_slots_place(struct kds_slots *slots);

void kds_slots_line_up(struct kds_slots *slots, enum kds_rank rank, struct kds_line *out_line);

/* How many are queued. */
size_t kds_slots_queued(const struct kds_slots *slots);

/* Frees those that are queued or under way. */
void kds_slots_drop_queued(struct kds_slots *slots);

/* Whatever was in it makes room for this key, the last in the line. */
void kds_slots_queue(struct kds_slots *slots, struct kds_slot *slot, const struct vendor_key *key,
                     const struct kds_asker *asker, unsigned failures);

void kds_slot_clear(struct kds_slot *slot);

/* Holds a copy of `data` until then.  False: out of memory, and nothing has changed. */
MUST_CHECK bool kds_slot_hold(struct kds_slot *slot, struct bytes data, uint64_t until_ms);

/* A bad answer, which counts until then. */
void kds_slot_set_bad(struct kds_slot *slot, uint64_t until_ms);

/* True if the slot, which may be NULL, says something now; one that has lapsed is only remembered
   for its failures. */
bool kds_slot_stands(const struct kds_slot *slot, uint64_t now_ms);
