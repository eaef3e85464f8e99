/*
 * Sources: a balanced tree of the networks that hold connections: strangers choose the keys, and no
 * choice of theirs makes it slow.
 */
#include "proxy/sources.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#define SOURCES_KEY_LEN 8 /* of an IPv6 address: its /64 */

struct sources {
    uv_mutex_t lock;
    size_t connections_max;
    void *tree; /* of struct source */
};

struct source {
    sa_family_t family;
    uint8_t key[SOURCES_KEY_LEN];
    size_t num;
};

/* False for what is no IP address. */
static bool source_of(const struct sockets_address *address, struct source *out)
{
    struct sockets_address plain = sockets_plain(address);

    *out = (struct source){.family = sockets_family(&plain)};
    switch (out->family) {
    case AF_INET:
        memcpy(out->key, &plain.u.v4.sin_addr, sizeof(plain.u.v4.sin_addr));
        return true;
    case AF_INET6:
        memcpy(out->key, &plain.u.v6.sin6_addr, SOURCES_KEY_LEN);
        return true;
    default:
        return false;
    }
}

static int source_compare(const void *left, const void *right)
{
    const struct source *a = left;
    const struct source *b = right;

    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    return memcmp(a->key, b->key, SOURCES_KEY_LEN);
}

struct sources *sources_new(size_t connections_max)
{
    struct sources *sources = calloc(1, sizeof(*sources));

    if (sources != NULL && uv_mutex_init(&sources->lock) != 0) {
        free(sources);
        return NULL;
    }
    if (sources != NULL) {
        sources->connections_max = connections_max;
    }
    return sources;
}

void sources_free(struct sources *sources)
{
    if (sources != NULL) {
        assert(sources->tree == NULL);
        uv_mutex_destroy(&sources->lock);
        free(sources);
    }
}

void sources_set_limit(struct sources *sources, size_t connections_max)
{
    uv_mutex_lock(&sources->lock);
    sources->connections_max = connections_max;
    uv_mutex_unlock(&sources->lock);
}

/* The one in the tree, which is put there if it is new; NULL: out of memory. */
static struct source *sources_find(struct sources *sources, const struct source *key)
{
    struct source **found = tfind(key, &sources->tree, source_compare);
    struct source *source = NULL;

    if (found != NULL) {
        return *found;
    }
    source = malloc(sizeof(*source));
    if (source == NULL) {
        return NULL;
    }
    *source = *key;
    if (tsearch(source, &sources->tree, source_compare) == NULL) {
        free(source);
        return NULL;
    }
    return source;
}

bool sources_enter(struct sources *sources, const struct sockets_address *address)
{
    struct source key;
    struct source *source = NULL;
    bool fits = false;

    if (!source_of(address, &key)) {
        return true;
    }
    uv_mutex_lock(&sources->lock);
    source = sources_find(sources, &key);
    if (source != NULL && source->num < sources->connections_max) {
        source->num++;
        fits = true;
    }
    uv_mutex_unlock(&sources->lock);
    return fits;
}

void sources_leave(struct sources *sources, const struct sockets_address *address)
{
    struct source key;
    struct source **found = NULL;
    struct source *source = NULL;

    if (!source_of(address, &key)) {
        return;
    }
    uv_mutex_lock(&sources->lock);
    found = tfind(&key, &sources->tree, source_compare);
    assert(found != NULL && (*found)->num > 0);
    source = *found;
    source->num--;
    if (source->num == 0) {
        (void)tdelete(&key, &sources->tree, source_compare);
        free(source);
    }
    uv_mutex_unlock(&sources->lock);
}
