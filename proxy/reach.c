/*
 * Reach: the states RESOLVE and DIAL: from the route's host and port to an open leg, the same for
 * the application and for a peer.
 */
#include <errno.h>

#include "common/err.h"
#include "proxy/conn_state.h"

/* Begins once; false: out of memory. */
static bool reach_begin(struct conn *c)
{
    if (c->dial == NULL) {
        struct sockets_address own = {.len = 0};
        struct err err;

        if (c->route->egress && sockets_bound(c->app.fd, &own, &err) != 0) {
            own.len = 0; /* the caller has gone, which its own watcher tells */
        }
        c->connect_from_ms = conn_now_ms(c);
        c->dial =
            dial_start(c->shared->loop, c->shared->resolver, c->route_index, &own, conn_on_dial, c);
    }
    return c->dial != NULL;
}

static enum reason reach_failure(const struct dial *dial)
{
    switch (dial_error(dial)) {
    case 0:
        return REASON_RESOLVE_FAILED;
    case ELOOP:
        return REASON_LOOP_REFUSED;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return REASON_LIMIT; /* nobody has refused anything */
    default:
        return REASON_CONNECT_REFUSED;
    }
}

enum conn_state reach_resolve(struct conn *c)
{
    if (!reach_begin(c)) {
        return conn_fail(c, REASON_LIMIT);
    }
    return dial_state(c->dial) == DIAL_RESOLVING ? CONN_RESOLVE : CONN_DIAL;
}

enum conn_state reach_dial(struct conn *c, struct leg *leg, uint64_t user_timeout_ms,
                           enum conn_state done)
{
    if (!reach_begin(c)) {
        return conn_fail(c, REASON_LIMIT);
    }
    switch (dial_state(c->dial)) {
    case DIAL_RESOLVING:
    case DIAL_CONNECTING:
        return CONN_DIAL;
    case DIAL_FAILED:
        return conn_fail(c, reach_failure(c->dial));
    case DIAL_CONNECTED:
        break;
    }
    if (!conn_open_leg(c, leg, dial_take_fd(c->dial, &c->target))) {
        return conn_fail(c, REASON_LIMIT);
    }
    sockets_tune(leg->fd, user_timeout_ms);
    c->connect_ms = conn_now_ms(c) - c->connect_from_ms;
    counters_connect(c->shared->counters, c->connect_ms);
    dial_free(c->dial);
    c->dial = NULL;
    return done;
}
