/*
 * Conn: what every kind of connection shares: moving between states, deadlines, the end.  The
 * tables of states are conn_ingress.c and conn_egress.c.
 */
#include "proxy/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "proxy/conn_state.h"
#include "proxy/pause.h"

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
    shared->num_ingress -= c->route->egress ? 0 : 1;
    census_leave(shared->census, c->route->egress, c->route_index);
    counter_sub(shared->counters, conn_open_gauge(c), 1);
    shared->on_freed(shared->arg);
}

static void conn_free(struct conn *c)
{
    assert(c->reason != REASON_NONE);
    counter_add(c->shared->counters, (enum counter)(COUNTER_CLOSED + (unsigned)c->reason), 1);
    access_log(c, conn_now_ms(c));
    conn_leave(c);
    tls_free(c->tls);
    generation_unref(c->generation); /* after its context's last user */
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

static uint64_t conn_progress(const struct conn *c)
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

/* The only function that changes the state. */
static void conn_move(struct conn *c, enum conn_state next)
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

static void conn_abort(struct conn *c, enum reason reason)
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
    conn_run(leg->owner);
}

void conn_on_dial(void *arg)
{
    conn_run(arg);
}

bool conn_open_leg(struct conn *c, struct leg *leg, int fd)
{
    if (leg_open(leg, c->shared->loop, fd) != 0) {
        return false;
    }
    c->num_handles++;
    return true;
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
    leg_init(&c->peer, &shared->pool, c, conn_on_leg, conn_on_leg_closed);
    leg_init(&c->app, &shared->pool, c, conn_on_leg, conn_on_leg_closed);
    leg = c->route->egress ? &c->app : &c->peer;
    if (!conn_open_leg(c, leg, origin->fd)) {
        goto failed;
    }
    sockets_tune(leg->fd, c->route->egress ? 0 : (unsigned)c->route->limits.write_stall_ms);
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
    free(c);
    census_leave(shared->census, origin->route->egress, origin->route_index);
    counter_add(shared->counters, (enum counter)(COUNTER_CLOSED + REASON_LIMIT), 1);
}

/* How long the state may last. */
static uint64_t conn_limit_ms(const struct conn *c)
{
    size_t offset = c->kind->rows[c->state].limit;
    uint64_t limit = 0;

    if (offset == CONN_LIMIT_REFUSE) {
        return CONN_REFUSE_MS;
    }
    memcpy(&limit, (const char *)&c->route->limits + offset, sizeof(limit));
    return limit;
}

/* True if the state's deadline has passed, which ends the connection. */
static bool conn_overdue(struct conn *c, uint64_t now)
{
    const struct conn_row *row = &c->kind->rows[c->state];
    uint64_t progress = conn_progress(c);

    if (progress != c->progress) {
        c->progress = progress;
        c->since_ms = now;
    }
    if (now - c->since_ms < conn_limit_ms(c)) {
        return false;
    }
    if (row->expired == REASON_NONE) {
        conn_move(c, CONN_CLOSING);
    } else {
        conn_abort(c, row->expired);
    }
    return true;
}

/* True if `leg` has had bytes to send for too long without sending any. */
static bool conn_stalled(const struct conn *c, const struct leg *leg, uint64_t *sent,
                         uint64_t *sent_ms)
{
    uint64_t now = conn_now_ms(c);

    if (leg->out.len == 0 || leg->sent != *sent) {
        *sent = leg->sent;
        *sent_ms = now;
        return false;
    }
    return now - *sent_ms >= c->route->limits.write_stall_ms;
}

int64_t conn_expiry(const struct conn *c)
{
    bool over = c->state == CONN_REFUSE || c->state == CONN_LINGER || c->state == CONN_CLOSING;

    return c->svid != NULL && !over ? c->svid->not_after : INT64_MAX;
}

/* The end of what an authorized peer may do; REASON_NONE: not yet. */
static enum reason conn_outlived(const struct conn *c, uint64_t now, int64_t wall_clock)
{
    uint64_t lifetime = c->route->limits.max_lifetime_ms;

    if (wall_clock >= conn_expiry(c)) {
        return REASON_PEER_EXPIRED;
    }
    if (c->svid == NULL || c->state == CONN_REFUSE || c->state == CONN_LINGER) {
        return REASON_NONE;
    }
    return lifetime > 0 && now - c->accepted_ms >= lifetime ? REASON_LIFETIME : REASON_NONE;
}

/* The first idle tick after traffic gives back what only a burst needs. */
static void conn_trim(struct conn *c)
{
    uint64_t moved = c->peer.sent + c->bytes_in + c->bytes_out;

    if (moved != c->ticked) {
        c->ticked = moved;
        c->trimmed = false;
    } else if (!c->trimmed && c->svid != NULL) {
        tls_trim(c->tls);
        c->trimmed = true;
    }
}

static void conn_tick(struct conn *c, int64_t wall_clock)
{
    uint64_t now = conn_now_ms(c);
    enum reason reason = REASON_NONE;
    bool again = false;

    if (c->state == CONN_CLOSING) {
        return;
    }
    reason = conn_outlived(c, now, wall_clock);
    if (reason == REASON_NONE &&
        (conn_stalled(c, &c->peer, &c->peer_sent, &c->peer_sent_ms) ||
         conn_stalled(c, &c->app, &c->app_sent, &c->app_sent_ms)) &&
        c->state != CONN_REFUSE) {
        reason = REASON_WRITE_STALL_TIMEOUT;
    }
    if (reason != REASON_NONE) {
        conn_abort(c, reason);
        return;
    }
    if (conn_overdue(c, now)) {
        return;
    }
    conn_trim(c);
    again = leg_retry(&c->peer);
    again = leg_retry(&c->app) || again;
    if (c->starved || again) {
        c->starved = false;
        conn_run(c);
    }
    if (c->dial != NULL) {
        dial_tick(c->dial);
    }
}

void conn_tick_all(struct conn_shared *shared)
{
    int64_t wall_clock = generation_now(shared->generation);
    int64_t first = INT64_MAX;

    shared->clock_read = true;
    shared->ticked_ms = uv_now(shared->loop);
    shared->expiry = INT64_MAX;
    /* Nobody leaves the list here: that happens in close callbacks. */
    for (struct conn *c = shared->first; c != NULL; c = c->next) {
        conn_tick(c, wall_clock);
        first = conn_expiry(c) < first ? conn_expiry(c) : first;
    }
    shared->expiry = first < shared->expiry ? first : shared->expiry;
}

static uint64_t conn_postponed(uint64_t since_ms, uint64_t stalled_ms, uint64_t now)
{
    return stalled_ms < now - since_ms ? since_ms + stalled_ms : now;
}

void conn_postpone_all(struct conn_shared *shared, uint64_t stalled_ms)
{
    uint64_t now = uv_now(shared->loop);

    for (struct conn *c = shared->first; c != NULL; c = c->next) {
        c->since_ms = conn_postponed(c->since_ms, stalled_ms, now);
        c->peer_sent_ms = conn_postponed(c->peer_sent_ms, stalled_ms, now);
        c->app_sent_ms = conn_postponed(c->app_sent_ms, stalled_ms, now);
    }
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
    if (c->state == CONN_HOLD) {
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
