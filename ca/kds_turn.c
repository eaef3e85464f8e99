/*
 * Kds_turn: looking for the last time in a ring.
 */
#include "ca/kds_turn.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* One that is to be compared: which request was the last for each part of its network, and its lot.
 */
struct claimant {
    size_t last[KDS_TURN_PARTS]; /* from 1 on; 0: none that is remembered */
    uint64_t lot;
    bool out; /* it has had its turn */
};

/* How many of the parts, from the widest on, two sources have in common. */
static unsigned parts_shared(const struct source *a, const struct source *b)
{
    static const uint8_t v4_ends[KDS_TURN_PARTS] = {13, 14, 15, 16};
    static const uint8_t v6_ends[KDS_TURN_PARTS] = {4, 6, 7, 8};
    bool v4 = source_is_v4(a);
    const uint8_t *ends = v4 ? v4_ends : v6_ends;
    unsigned num = 0;

    if (v4 != source_is_v4(b)) {
        return 0;
    }
    while (num < KDS_TURN_PARTS && memcmp(a->address, b->address, ends[num]) == 0) {
        num++;
    }
    return num;
}

static void put_last(struct claimant *claimant, unsigned num_parts, size_t last)
{
    for (unsigned i = 0; i < num_parts; i++) {
        claimant->last[i] = last;
    }
}

/* Mixes the bits of an address with the salt (the finalizer of SplitMix64, twice); nobody outside
   knows the salt. */
static uint64_t draw(uint64_t salt, const struct source *source)
{
    uint64_t lot = salt;

    for (size_t i = 0; i < sizeof(source->address); i += sizeof(uint64_t)) {
        uint64_t word = 0;

        memcpy(&word, source->address + i, sizeof(word));
        lot += word + UINT64_C(0x9e3779b97f4a7c15);
        lot = (lot ^ (lot >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        lot = (lot ^ (lot >> 27)) * UINT64_C(0x94d049bb133111eb);
        lot ^= lot >> 31;
    }
    return lot;
}

static struct claimant claimant_of(const struct kds_turn *turn, const struct source *source)
{
    size_t first = turn->num_served < KDS_TURN_MEMORY ? 0 : turn->num_served - KDS_TURN_MEMORY;
    struct claimant claimant = {.lot = draw(turn->salt, source)};

    for (size_t i = first; i < turn->num_served; i++) {
        put_last(&claimant, parts_shared(&turn->served[i % KDS_TURN_MEMORY], source), i + 1);
    }
    return claimant;
}

static bool goes_before(const struct claimant *a, const struct claimant *b)
{
    for (unsigned i = 0; i < KDS_TURN_PARTS; i++) {
        if (a->last[i] != b->last[i]) {
            return a->last[i] < b->last[i];
        }
    }
    return a->lot < b->lot;
}

size_t kds_turn_next(const struct kds_turn *turn, const struct source *sources, size_t num)
{
    struct claimant best = claimant_of(turn, &sources[0]);
    size_t at = 0;

    for (size_t i = 1; i < num; i++) {
        struct claimant claimant = claimant_of(turn, &sources[i]);

        if (goes_before(&claimant, &best)) {
            best = claimant;
            at = i;
        }
    }
    return at;
}

size_t kds_turn_last(const struct kds_turn *turn, const struct source *sources, size_t num)
{
    struct claimant claimants[KDS_TURN_SOURCES_MAX];
    size_t last = 0;

    assert(num > 0 && num <= KDS_TURN_SOURCES_MAX);
    for (size_t i = 0; i < num; i++) {
        claimants[i] = claimant_of(turn, &sources[i]);
    }
    for (size_t done = 0; done < num; done++) {
        size_t next = num;

        for (size_t i = 0; i < num; i++) {
            if (!claimants[i].out &&
                (next == num || goes_before(&claimants[i], &claimants[next]))) {
                next = i;
            }
        }
        claimants[next].out = true;
        last = next;
        for (size_t i = 0; i < num; i++) {
            if (!claimants[i].out) {
                put_last(&claimants[i], parts_shared(&sources[i], &sources[next]),
                         turn->num_served + done + 1);
            }
        }
    }
    return last;
}

void kds_turn_serve(struct kds_turn *turn, const struct source *source, uint64_t random)
{
    turn->served[turn->num_served++ % KDS_TURN_MEMORY] = *source;
    turn->salt = random;
}
