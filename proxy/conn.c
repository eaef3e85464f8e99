/*
 * Conn: how a connection of either kind begins, moves between states, is judged again and ends.
 * The tables of states are conn_ingress.c and conn_egress.c; what time does is conn_clock.c.
 */
#include "proxy/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "proxy/access_log.h"
#include "proxy/conn_state.h"
#include "proxy/pause.h"
#include "proxy/sources.h"
#include "proxy/tenure.h"

static enum counter conn_open_gauge(const struct conn *c)
{
    return c->route->egress ? COUNTER_CONNECTIONS_OPEN_EGRESS : COUNTER_CONNECTIONS_OPEN_INGRESS;
}

/* Takes it out of every list and count of its loop. */
static void conn_leave(struct conn *c)
{
    struct conn_shared *shared = c->shared;

    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    shared->num_conns--;
    warmth_end(c);
    shared->num_ingress -= c->route->egress ? 0 : 1;
    if (c->placed) {
        sources_leave(shared->census->sources, &c->source);
    }
    census_leave(shared->census, c->route->egress, c->route_index);
    counter_sub(shared->counters, conn_open_gauge(c), 1);
    if (c->svid != NULL) {
        const struct svid *peer = c->svid;

        counter_sub(shared->counters, counter_of_tee(peer->has_claims ? peer->claims.tee : ""), 1);
    }
    shared->on_freed(shared->arg);
}

static void conn_free(struct conn *c)
{
    assert(c->reason != REASON_NONE);
    counter_add(c->shared->counters, (enum counter)(COUNTER_CLOSED + (unsigned)c->reason), 1);
    access_log(c, conn_now_ms(c));
    conn_leave(c);
    tls_free(c->tls);
    generation_unref(c->generation);
    tenure_unref(c->tenure); /* after the last use of its context */
    free(c->detail);
    free(c);
}

static void conn_on_leg_closed(struct leg *leg)
{
    struct conn *c = leg->owner;

    c->num_handles--;
    if (c->num_handles == 0 && c->state == CONN_CLOSING) {
        conn_free(c);
    }
}

/* Handshakes that failed, by why. */
static void conn_count_failure(const struct conn *c)
{
    enum counter counter = COUNTER_HANDSHAKE_FAILED_CLOSED;

    if (c->svid != NULL || (c->tls == NULL && c->reason != REASON_IDENTITY_INVALID &&
                            c->reason != REASON_HANDSHAKE_TIMEOUT)) {
        return;
    }
    if (c->reason == REASON_ALERT_SENT) {
        counter = COUNTER_HANDSHAKE_FAILED_ALERT_SENT;
    } else if (c->reason == REASON_ALERT_RECEIVED) {
        counter = COUNTER_HANDSHAKE_FAILED_ALERT_RECEIVED;
    } else if (c->reason == REASON_AUTHZ_DENIED) {
        counter = COUNTER_HANDSHAKE_FAILED_AUTHZ;
    } else if (c->reason == REASON_HANDSHAKE_TIMEOUT) {
        counter = COUNTER_HANDSHAKE_FAILED_TIMEOUT;
    } else if (c->reason == REASON_IDENTITY_INVALID) {
        counter = COUNTER_HANDSHAKE_FAILED_IDENTITY;
    }
    counter_add(c->shared->counters, counter, 1);
}

uint64_t conn_progress(const struct conn *c)
{
    switch (c->kind->rows[c->state].progress) {
    case PROGRESS_NONE:
        break;
    case PROGRESS_APP:
        return c->bytes_in + c->bytes_out;
    case PROGRESS_SENT:
        return c->peer.sent + c->app.sent;
    }
    return 0;
}

/* What every way into CLOSING has in common. */
static void conn_close(struct conn *c)
{
    conn_count_failure(c);
    conn_set_reason(c, REASON_CLEAN);
    chunk_queue_clear(&c->stash, &c->shared->pool);
    dial_free(c->dial);
    c->dial = NULL;
    leg_close(&c->peer);
    leg_close(&c->app);
}

/* What comes before TLS counts as a part of it: a stranger is all that the other side is yet. */
static bool conn_is_handshake(enum conn_state state)
{
    return state == CONN_PREFACE || state == CONN_HANDSHAKE;
}

void conn_move(struct conn *c, enum conn_state next)
{
    const struct conn_row *row = &c->kind->rows[next];
    bool starts = c->state == next; /* the first state of all */
    bool shook = !starts && conn_is_handshake(c->state);
    bool shakes = conn_is_handshake(next);

    assert(starts || next == CONN_CLOSING || (c->kind->rows[c->state].next & CONN_BIT(next)) != 0);
    if (log_wants(LOG_DEBUG)) {
        log_debug("conn.state", kv_num("conn", (int64_t)c->id),
                  kv_text("from", c->kind->rows[c->state].name), kv_text("to", row->name));
    }
    if (shakes && !shook) {
        c->shared->num_handshakes[c->route->egress]++;
    } else if (shook && !shakes) {
        c->shared->num_handshakes[c->route->egress]--;
        c->shared->on_freed(c->shared->arg);
    }
    c->state = next;
    if (!row->same_clock) {
        c->since_ms = conn_now_ms(c);
    }
    c->progress = conn_progress(c);
    if (next == CONN_CLOSING) {
        conn_close(c);
    }
}

void conn_abort(struct conn *c, enum reason reason)
{
    conn_move(c, conn_fail(c, reason));
}

/* What ends a connection in any state; true if it did. */
static bool conn_broken(struct conn *c)
{
    bool quiet = c->state == CONN_REFUSE || c->state == CONN_LINGER;
    bool drains = c->state == CONN_RELAY || c->state == CONN_HALF_PEER; /* relay.c reads on */

    if ((c->peer.urgent && !quiet) || c->app.urgent) {
        conn_abort(c, REASON_URGENT_DATA);
        return true;
    }
    if (c->peer.error != 0 && !quiet) {
        /* TCP_USER_TIMEOUT may notice a stalled peer before the tick does. */
        bool stalled = c->peer.error == ETIMEDOUT && c->peer.out.len > 0;

        if (!stalled) {
            handshake_last_words(c);
        }
        conn_abort(c, stalled ? REASON_WRITE_STALL_TIMEOUT : REASON_PEER_RESET);
        return true;
    }
    if (c->app.error != 0 && !drains && leg_is_open(&c->app)) {
        conn_abort(c, REASON_APP_RESET);
        return true;
    }
    return false;
}

void conn_turn(struct conn_shared *shared)
{
    shared->clock_read = false;
    shared->heard = CONN_HEARD_NOBODY;
}

/* The first connection of a turn reads the clock for all. */
static void conn_read_clock(struct conn_shared *shared)
{
    if (shared->clock_read) {
        return;
    }
    shared->clock_read = true;
    if (uv_now(shared->loop) - shared->ticked_ms >= PAUSE_LATE_MS ||
        generation_now(shared->generation) >= shared->expiry) {
        shared->on_late(shared->arg);
    }
}

void conn_run(struct conn *c)
{
    conn_read_clock(c->shared);
    if (c->state == CONN_CLOSING || conn_broken(c)) {
        return;
    }
    for (;;) {
        enum conn_state next = c->kind->rows[c->state].run(c);

        if (next == c->state) {
            break;
        }
        conn_move(c, next);
        if (next == CONN_CLOSING) {
            return;
        }
    }
    leg_watch(&c->peer);
    leg_watch(&c->app);
}

static void conn_on_leg(struct leg *leg)
{
    struct conn *c = leg->owner;

    c->shared->heard = leg == &c->app ? CONN_HEARD_APP : CONN_HEARD_PEER;
    conn_run(c);
}

void conn_on_dial(void *arg)
{
    conn_run(arg);
}

/* Puts a new connection into every list and count of its loop. */
static void conn_join(struct conn *c)
{
    struct conn_shared *shared = c->shared;

    c->next = shared->first;
    c->link = &shared->first;
    if (c->next != NULL) {
        c->next->link = &c->next;
    }
    shared->first = c;
    c->id = shared->next_id;
    shared->next_id += shared->id_step;
    shared->num_conns++;
    shared->num_ingress += c->route->egress ? 0 : 1;
    counter_add(shared->counters, conn_open_gauge(c), 1);
    counter_add(shared->counters,
                c->route->egress ? COUNTER_ACCEPTED_EGRESS : COUNTER_ACCEPTED_INGRESS, 1);
}

uint64_t conn_user_timeout_ms(const struct conn_route *route)
{
    return route->egress ? 0 : route->limits.write_stall_ms;
}

void conn_start(struct conn_shared *shared, const struct conn_origin *origin)
{
    struct conn *c = calloc(1, sizeof(*c));
    struct leg *leg = NULL;

    if (c == NULL) {
        sockets_reset(origin->fd);
        goto failed;
    }
    c->shared = shared;
    c->kind = origin->route->egress ? &conn_egress : &conn_ingress;
    c->route = origin->route;
    c->route_index = origin->route_index;
    c->source = origin->source;
    c->caller_uid = CONN_NO_UID;
    if (!c->route->egress && !c->route->proxy.in && !conn_enter_source(c)) {
        sockets_reset(origin->fd);
        goto failed;
    }
    leg_init(&c->peer, &shared->pool, c, conn_on_leg, conn_on_leg_closed);
    leg_init(&c->app, &shared->pool, c, conn_on_leg, conn_on_leg_closed);
    leg = c->route->egress ? &c->app : &c->peer;
    if (!conn_open_leg(c, leg, origin->fd)) {
        goto failed;
    }
    if (!origin->tuned) {
        sockets_tune(leg->fd, conn_user_timeout_ms(c->route));
    }
    leg->readable = true; /* whoever connects has most often spoken already */
    c->accepted_ms = conn_now_ms(c);
    c->handshake_from_ms = c->accepted_ms;
    c->peer_sent_ms = c->accepted_ms;
    c->app_sent_ms = c->accepted_ms;
    c->state = c->kind->start;
    conn_join(c);
    conn_move(c, c->kind->start);
    conn_run(c);
    return;

failed:
    if (c != NULL && c->placed) {
        sources_leave(shared->census->sources, &c->source);
    }
    free(c);
    census_leave(shared->census, origin->route->egress, origin->route_index);
    counter_add(shared->counters, (enum counter)(COUNTER_CLOSED + REASON_LIMIT), 1);
}

void conn_mark_all(struct conn_shared *shared)
{
    for (struct conn *c = shared->first; c != NULL; c = c->next) {
        c->marked = true;
    }
}

static void conn_judge(struct conn *c)
{
    c->marked = false;
    if (c->state != CONN_CLOSING && !generation_serves(c->shared->generation, c->route_index)) {
        conn_abort(c, REASON_REVOKED); /* the route is no more */
    } else if (c->state == CONN_HOLD) {
        conn_run(c);
    } else if (c->svid != NULL && c->state != CONN_CLOSING && c->state != CONN_LINGER &&
               c->state != CONN_REFUSE &&
               generation_allows(c->shared->generation, c->route_index, c->svid) == NULL) {
        conn_abort(c, REASON_REVOKED);
    }
}

bool conn_recheck(struct conn_shared *shared, size_t max)
{
    size_t num = 0;

    for (struct conn *c = shared->first; c != NULL; c = c->next) {
        if (c->marked) {
            if (num == max) {
                return true;
            }
            num++;
            conn_judge(c);
        }
    }
    return false;
}

void conn_abort_all(struct conn_shared *shared, enum reason reason)
{
    for (struct conn *c = shared->first; c != NULL; c = c->next) {
        if (c->state != CONN_CLOSING) {
            conn_abort(c, reason);
        }
    }
}
