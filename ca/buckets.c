/*
 * Buckets: a hash table to find them, and a heap whose top is the fullest.
 */
#include "ca/buckets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_WORDS (BUCKETS_KEY_MAX / sizeof(uint64_t))
#define NONE UINT32_MAX

struct bucket {
    uint64_t key[KEY_WORDS]; /* zeros behind */
    uint64_t full_ns;        /* when it will be; 0: a place never used, which is in no chain */
    uint32_t next;           /* in the chain of its hash, or NONE */
};

struct buckets {
    struct buckets_options options;
    struct bucket *places;
    uint32_t *chains;  /* the first place of each, or NONE */
    uint32_t *heap;    /* places; none will be full before its parent, the first before all */
    uint32_t *heap_at; /* for each place, where in the heap it is */
};

struct buckets *buckets_new(const struct buckets_options *options)
{
    struct buckets *buckets = calloc(1, sizeof(*buckets));
    size_t num = options->num_places;

    assert(num > 0 && num < NONE && (num & (num - 1)) == 0);
    assert(options->interval_ns >= 1 && options->interval_ns <= BUCKETS_INTERVAL_MAX_NS);
    assert(options->burst >= 1 && options->burst <= BUCKETS_BURST_MAX);
    if (buckets == NULL) {
        return NULL;
    }
    buckets->options = *options;
    buckets->places = calloc(num, sizeof(*buckets->places));
    buckets->chains = calloc(num, sizeof(*buckets->chains));
    buckets->heap = calloc(num, sizeof(*buckets->heap));
    buckets->heap_at = calloc(num, sizeof(*buckets->heap_at));
    if (buckets->places == NULL || buckets->chains == NULL || buckets->heap == NULL ||
        buckets->heap_at == NULL) {
        buckets_free(buckets);
        return NULL;
    }
    for (uint32_t i = 0; i < num; i++) {
        buckets->chains[i] = NONE;
        buckets->heap[i] = i;
        buckets->heap_at[i] = i;
    }
    return buckets;
}

void buckets_free(struct buckets *buckets)
{
    if (buckets != NULL) {
        free(buckets->places);
        free(buckets->chains);
        free(buckets->heap);
        free(buckets->heap_at);
        free(buckets);
    }
}

/* The chain of a key (the finalizer of SplitMix64, for each word). */
static uint32_t *chain_of(const struct buckets *buckets, const uint64_t key[static KEY_WORDS])
{
    uint64_t hash = buckets->options.salt;

    for (size_t i = 0; i < KEY_WORDS; i++) {
        hash += key[i] + UINT64_C(0x9e3779b97f4a7c15);
        hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
        hash ^= hash >> 31;
    }
    return &buckets->chains[hash & (buckets->options.num_places - 1)];
}

/* The place of a key, or NONE. */
static uint32_t find(const struct buckets *buckets, const uint64_t key[static KEY_WORDS])
{
    uint32_t at = *chain_of(buckets, key);

    while (at != NONE && memcmp(buckets->places[at].key, key, BUCKETS_KEY_MAX) != 0) {
        at = buckets->places[at].next;
    }
    return at;
}

/* Gives the place of the fullest bucket to `key`. */
static uint32_t replace(struct buckets *buckets, const uint64_t key[static KEY_WORDS])
{
    uint32_t at = buckets->heap[0];
    struct bucket *bucket = &buckets->places[at];
    uint32_t *link = NULL;

    if (bucket->full_ns != 0) {
        link = chain_of(buckets, bucket->key);
        while (*link != at) {
            link = &buckets->places[*link].next;
        }
        *link = bucket->next;
    }
    link = chain_of(buckets, key);
    memcpy(bucket->key, key, BUCKETS_KEY_MAX);
    bucket->next = *link;
    *link = at;
    return at;
}

static void heap_put(struct buckets *buckets, size_t index, uint32_t place)
{
    buckets->heap[index] = place;
    buckets->heap_at[place] = (uint32_t)index;
}

/* Sets when a bucket will be full, and restores the heap: only the first one's may be earlier than
   it was. */
static void fill_at(struct buckets *buckets, uint32_t place, uint64_t full_ns)
{
    size_t index = buckets->heap_at[place];
    size_t num = buckets->options.num_places;

    buckets->places[place].full_ns = full_ns;
    for (;;) {
        size_t below = 2 * index + 1;
        uint32_t other = NONE;

        if (below + 1 < num && buckets->places[buckets->heap[below + 1]].full_ns <
                                   buckets->places[buckets->heap[below]].full_ns) {
            below++;
        }
        if (below >= num || buckets->places[buckets->heap[below]].full_ns >= full_ns) {
            break;
        }
        other = buckets->heap[below];
        heap_put(buckets, index, other);
        index = below;
    }
    heap_put(buckets, index, place);
}

uint64_t buckets_take(struct buckets *buckets, struct bytes key, uint64_t now_ns)
{
    const uint64_t interval_ns = buckets->options.interval_ns;
    const uint64_t whole_ns = buckets->options.burst * interval_ns; /* from empty to full */
    uint64_t padded[KEY_WORDS] = {0};
    uint64_t full_ns = now_ns;
    uint32_t at = NONE;

    assert(now_ns > 0 && key.len <= BUCKETS_KEY_MAX);
    memcpy(padded, key.data, key.len);
    at = find(buckets, padded);
    if (at != NONE && buckets->places[at].full_ns > now_ns) {
        full_ns = buckets->places[at].full_ns;
    }
    if (full_ns - now_ns + interval_ns > whole_ns) {
        return full_ns - now_ns + interval_ns - whole_ns;
    }
    if (at == NONE) {
        at = replace(buckets, padded);
    }
    fill_at(buckets, at, full_ns + interval_ns);
    return 0;
}
