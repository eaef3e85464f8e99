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

#include "common/source.h"

struct sources {
    uv_mutex_t lock;
    size_t connections_max;
    void *tree; /* of struct holder */
};

struct holder {
    struct source source; /* first: a source alone finds it */
    size_t num;
};

static int holder_compare(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct source));
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
static struct holder *sources_find(struct sources *sources, const struct source *source)
{
    struct holder **found = tfind(source, &sources->tree, holder_compare);
    struct holder *holder = NULL;

    if (found != NULL) {
        return *found;
    }
    holder = malloc(sizeof(*holder));
    if (holder == NULL) {
        return NULL;
    }
    *holder = (struct holder){.source = *source};
    if (tsearch(holder, &sources->tree, holder_compare) == NULL) {
        free(holder);
        return NULL;
    }
    return holder;
}

bool sources_enter(struct sources *sources, const struct sockets_address *address)
{
    const struct source source = source_of(address);
    struct holder *holder = NULL;
    bool fits = false;

    if (!sockets_is_ip(address)) {
        return true;
    }
    uv_mutex_lock(&sources->lock);
    holder = sources_find(sources, &source);
    if (holder != NULL && holder->num < sources->connections_max) {
        holder->num++;
        fits = true;
    }
    uv_mutex_unlock(&sources->lock);
    return fits;
}

void sources_leave(struct sources *sources, const struct sockets_address *address)
{
    const struct source source = source_of(address);
    struct holder **found = NULL;
    struct holder *holder = NULL;

    if (!sockets_is_ip(address)) {
        return;
    }
    uv_mutex_lock(&sources->lock);
    found = tfind(&source, &sources->tree, holder_compare);
    assert(found != NULL && (*found)->num > 0);
    holder = *found;
    holder->num--;
    if (holder->num == 0) {
        (void)tdelete(&source, &sources->tree, holder_compare);
        free(holder);
    }
    uv_mutex_unlock(&sources->lock);
}
