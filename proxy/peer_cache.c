/*
 * Peer cache: a table with one place for each value of a digest's first bits.  SHA-256 spreads
 * them; whoever makes certificates that meet on a slot only makes both of them slower.
 */
#include "proxy/peer_cache.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct peer_key key;
    struct svid svid;
};

struct peer_cache {
    struct entry *slots[PEER_CACHE_SLOTS]; /* NULL: empty */
    struct peer_cache_usage usage;
};

static size_t slot_of(const struct peer_key *key)
{
    return ((size_t)key->sha256[0] << 8 | key->sha256[1]) % PEER_CACHE_SLOTS;
}

static void free_entry(struct entry *entry)
{
    if (entry != NULL) {
        svid_deinit(&entry->svid);
        free(entry);
    }
}

struct peer_cache *peer_cache_new(void)
{
    return calloc(1, sizeof(struct peer_cache));
}

void peer_cache_free(struct peer_cache *cache)
{
    for (size_t i = 0; cache != NULL && i < PEER_CACHE_SLOTS; i++) {
        free_entry(cache->slots[i]);
    }
    free(cache);
}

const struct svid *peer_cache_find(struct peer_cache *cache, const struct peer_key *key,
                                   int64_t now)
{
    const struct entry *entry = cache->slots[slot_of(key)];

    /* A certificate is public: its digest is compared in whatever time it takes. */
    if (entry == NULL || entry->key.generation != key->generation || entry->key.role != key->role ||
        memcmp(entry->key.sha256, key->sha256, sizeof(key->sha256)) != 0 ||
        now < entry->svid.path_from || now >= entry->svid.path_until) {
        cache->usage.num_misses++;
        return NULL;
    }
    cache->usage.num_hits++;
    return &entry->svid;
}

struct peer_cache_usage peer_cache_usage(const struct peer_cache *cache)
{
    return cache->usage;
}

void peer_cache_put(struct peer_cache *cache, const struct peer_key *key, const struct svid *svid)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL || !svid_copy(svid, &entry->svid)) {
        free(entry);
        return;
    }
    entry->key = *key;
    free_entry(cache->slots[slot_of(key)]);
    cache->slots[slot_of(key)] = entry;
}
