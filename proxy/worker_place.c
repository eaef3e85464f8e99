/*
 * Worker_place: copying a route, opening and closing its socket, and gathering a change.
 */
#include "proxy/worker_place.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

/* False: out of memory.  NULL stays NULL. */
static bool copy_text(const char *text, char **copy, const char **out)
{
    *copy = text != NULL ? strdup(text) : NULL;
    *out = *copy;
    return text == NULL || *copy != NULL;
}

struct worker_place *worker_place_new(const struct conn_route *route, struct err *err)
{
    struct worker_place *place = calloc(1, sizeof(*place));

    if (place == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    place->route = *route;
    if (!copy_text(route->name, &place->texts[0], &place->route.name) ||
        !copy_text(route->host, &place->texts[1], &place->route.host) ||
        !copy_text(route->sni, &place->texts[2], &place->route.sni)) {
        worker_place_free(place);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    return place;
}

int worker_place_open(struct worker_place *place, const struct entrance *entrance,
                      const struct sockets_address *address, struct err *err)
{
    place->listener = entrance != NULL ? listener_share(&place->route, entrance, err)
                                       : listener_open(&place->route, address, true, err);
    return place->listener != NULL ? 0 : -1;
}

void worker_place_close(struct worker_place *place)
{
    struct listener *listener = place->listener;

    place->listener = NULL; /* first: what it still accepts may lead here again */
    listener_close(listener);
}

void worker_place_free(struct worker_place *place)
{
    if (place == NULL) {
        return;
    }
    worker_place_close(place);
    for (size_t i = 0; i < sizeof(place->texts) / sizeof(place->texts[0]); i++) {
        free(place->texts[i]);
    }
    free(place);
}

struct worker_change *worker_change_new(const struct berth_plan *plan,
                                        const struct worker_limits *limits)
{
    struct worker_change *change = calloc(1, sizeof(*change));

    if (change != NULL) {
        change->plan = *plan;
        change->limits = *limits;
    }
    return change;
}

void worker_change_free(struct worker_change *change)
{
    for (size_t i = 0; change != NULL && i < BERTHS_MAX; i++) {
        worker_place_free(change->places[i]);
    }
    free(change);
}

int worker_change_add(struct worker_change *change, size_t place, const struct worker_route *route,
                      const struct sockets_address *listen, struct err *err)
{
    assert(change->plan.accepts[place] && change->places[place] == NULL);
    change->places[place] = worker_place_new(&route->conn, err);
    if (change->places[place] == NULL) {
        return -1;
    }
    return change->plan.door_from[place] != BERTH_NONE
               ? 0
               : worker_place_open(change->places[place], route->entrance, listen, err);
}

struct sockets_address worker_change_address(const struct worker_change *change, size_t place)
{
    return change->places[place]->listener->address;
}
