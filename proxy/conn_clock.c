/*
 * Conn_clock: what the passing of time does to connections: deadlines, stalled writers, the end of
 * a certificate, memory that nobody uses.
 */
#include "proxy/conn_clock.h"

#include <string.h>

#include "proxy/conn_state.h"
#include "proxy/pause.h"
#include "proxy/tenure.h"

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

/* True if too many identities have been ours since the one that it began with: it ends, after the
   time that a drain would give it. */
static bool conn_outdated(struct conn *c, uint64_t now)
{
    const struct conn_shared *shared = c->shared;
    uint64_t tenure = c->tenure != NULL ? tenure_number(c->tenure) : UINT64_MAX;

    if (tenure >= shared->drain_before) {
        return false;
    }
    if (c->leave_ms == 0) {
        c->leave_ms = now + shared->drain_ms;
    }
    return tenure < shared->cut_before || now >= c->leave_ms;
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
    if (reason == REASON_NONE && conn_outdated(c, now)) {
        counter_add(c->shared->counters, COUNTER_SHED_IDENTITIES, 1);
        reason = REASON_DRAIN;
    }
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
    warmth_tick(c);
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

void conn_postpone_all(struct conn_shared *shared, uint64_t stalled_ms)
{
    uint64_t now = uv_now(shared->loop);

    for (struct conn *c = shared->first; c != NULL; c = c->next) {
        c->since_ms = pause_postpone(c->since_ms, stalled_ms, now);
        c->peer_sent_ms = pause_postpone(c->peer_sent_ms, stalled_ms, now);
        c->app_sent_ms = pause_postpone(c->app_sent_ms, stalled_ms, now);
        c->leave_ms += c->leave_ms != 0 ? stalled_ms : 0;
    }
}
