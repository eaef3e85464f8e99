/*
 * Conn_state: what the functions of the states need to know and to note down.
 */
#include "proxy/conn_state.h"

#include <string.h>

#include "proxy/sources.h"

uint64_t conn_now_ms(const struct conn *c)
{
    return uv_now(c->shared->loop);
}

void conn_set_reason(struct conn *c, enum reason reason)
{
    if (c->reason == REASON_NONE) {
        c->reason = reason;
    }
}

void conn_set_detail(struct conn *c, const char *text)
{
    if (c->detail == NULL) {
        c->detail = strdup(text); /* NULL: the line goes without */
    }
}

enum conn_state conn_fail(struct conn *c, enum reason reason)
{
    conn_set_reason(c, reason);
    if (leg_is_open(&c->peer)) {
        counter_add(c->shared->counters, COUNTER_RESETS_PEER, 1);
        leg_reset(&c->peer);
    }
    if (leg_is_open(&c->app)) {
        counter_add(c->shared->counters, COUNTER_RESETS_APP, 1);
        leg_reset(&c->app);
    }
    return CONN_CLOSING;
}

bool conn_enter_source(struct conn *c)
{
    struct sources *sources = c->shared->census->sources;

    if (sources == NULL) {
        return true;
    }
    c->placed = sources_enter(sources, &c->source);
    if (!c->placed) {
        counter_add(c->shared->counters, COUNTER_SHED_SOURCE, 1);
    }
    return c->placed;
}

bool conn_open_leg(struct conn *c, struct leg *leg, int fd)
{
    if (leg_open(leg, c->shared->loop, fd) != 0) {
        return false;
    }
    c->num_handles++;
    return true;
}

int64_t conn_expiry(const struct conn *c)
{
    bool over = c->state == CONN_REFUSE || c->state == CONN_LINGER || c->state == CONN_CLOSING;

    return c->svid != NULL && !over && !c->route->keep_expired ? c->svid->not_after : INT64_MAX;
}
