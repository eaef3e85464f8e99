/*
 * Relay: moves bytes between the legs through the loop's scratch buffers.
 *
 * Each direction reads only while the queue of the other leg is short (back-pressure) and the pool
 * has room for what one read may leave behind, so room is known before recv.  An end of a stream is
 * passed on only if it really ended: close_notify becomes a FIN, a FIN becomes close_notify.
 */
#include <errno.h>

#include "common/err.h"
#include "proxy/conn_state.h"

/* True if bytes for `target` may be read now; else `source` is paused. */
static bool relay_may_read(struct conn *c, struct leg *source, const struct leg *target)
{
    bool room = chunk_pool_room(&c->shared->pool) >= CONN_POOL_RESERVE;

    if (room && target->out.len < CONN_QUEUE_PAUSE) {
        return true;
    }
    if (source->reading) {
        source->reading = false;
        counter_add(c->shared->counters, room ? COUNTER_PAUSES : COUNTER_SHED_BUFFERS, 1);
    }
    c->starved = c->starved || !room;
    return false;
}

/* Bytes to read at once, when `moved` have gone the same way before: many for whoever moves many,
   as long as `target` takes all and the pool could hold them if it did not. */
static size_t relay_read_len(const struct conn *c, const struct leg *target, uint64_t moved)
{
    size_t len = moved >= CONN_BULK ? CONN_READ_LEN_BULK : CONN_READ_LEN_FAST;
    size_t chunks = len / CHUNK_LEN + 2; /* begun ones, and what records add */

    if (moved < CONN_FAST || target->out.len > 0 || chunk_pool_room(&c->shared->pool) < chunks) {
        return CONN_READ_LEN;
    }
    return len;
}

/* A turn is over when enough was moved, unless no event would ever continue it. */
static bool relay_turn_over(const struct leg *source, size_t moved)
{
    return moved >= CONN_TURN_MAX && leg_mask(source) != 0;
}

static enum conn_state relay_broken(struct conn *c, const struct leg *leg)
{
    if (leg->error == ENOMEM) {
        return conn_fail(c, REASON_LIMIT);
    }
    return conn_fail(c, leg == &c->peer ? REASON_PEER_RESET : REASON_APP_RESET);
}

/* True if the peer sends more KeyUpdates than any traffic needs.  `before` is how many there were
   when this turn began. */
static bool relay_flooded(struct conn *c, uint64_t before)
{
    uint64_t now = conn_now_ms(c);

    if (now - c->key_updates_ms >= 1000) {
        c->key_updates_ms = now;
        c->key_updates = before;
    }
    return tls_key_updates(c->tls) - c->key_updates > c->route->limits.key_updates_max;
}

/* Decrypts all of `in` and sends it to the application.  `ended` is returned after close_notify,
   the conn's own state if all is well. */
static enum conn_state relay_decrypt(struct conn *c, struct bytes in, enum conn_state ended)
{
    struct buf out = buf_over(c->shared->cipher_out, CONN_CIPHER_OUT_CAP);
    struct tls_io io = {.in = in, .out = &out};
    enum tls_status status = TLS_OK;
    uint64_t key_updates = tls_key_updates(c->tls);
    struct err err = {0};
    size_t len = 0;

    while (status == TLS_OK) {
        size_t got = 0;

        status = tls_read(c->tls, &io, c->shared->plain + len, CONN_PLAIN_CAP - len, &got, &err);
        len += got;
    }
    if (status == TLS_FAILED) {
        return handshake_engine_failed(c, &out, err.msg);
    }
    counter_add(c->shared->counters, COUNTER_KEY_UPDATES, tls_key_updates(c->tls) - key_updates);
    if (relay_flooded(c, key_updates)) {
        return conn_fail(c, REASON_KEYUPDATE);
    }
    c->bytes_in += len;
    counter_add(c->shared->counters, COUNTER_BYTES_IN, len);
    if (!leg_send(&c->app, c->shared->plain, len)) {
        return relay_broken(c, &c->app);
    }
    if (!leg_send(&c->peer, out.data, out.len)) {
        return relay_broken(c, &c->peer);
    }
    if (status == TLS_CLOSED && !tls_may_write(c->tls)) { /* it ended within a message */
        counter_add(c->shared->counters, COUNTER_TRUNCATED, 1);
        return conn_fail(c, REASON_PEER_TRUNCATED);
    }
    return status == TLS_CLOSED ? ended : c->state;
}

/* The peer's FIN came without close_notify. */
static enum conn_state relay_truncated(struct conn *c, enum conn_state ended)
{
    counter_add(c->shared->counters, COUNTER_TRUNCATED, 1);
    if (c->route->on_truncation == CONN_TRUNCATION_RESET || !tls_may_write(c->tls)) {
        return conn_fail(c, REASON_PEER_TRUNCATED);
    }
    conn_set_reason(c, REASON_PEER_TRUNCATED);
    return ended;
}

/* Peer to application; `ended` is the state after the peer's end. */
static enum conn_state relay_in(struct conn *c, enum conn_state ended)
{
    enum conn_state state = c->state;
    size_t moved = 0;

    while (state == c->state && relay_may_read(c, &c->peer, &c->app)) {
        struct bytes in = chunk_queue_first(&c->stash);

        if (in.len > 0) {
            state = relay_decrypt(c, in, ended);
            chunk_queue_clear(&c->stash, &c->shared->pool);
            continue;
        }
        c->peer.reading = true;
        if (!c->peer.readable || relay_turn_over(&c->peer, moved)) {
            break;
        }
        in.data = c->shared->cipher_in;
        in.len = leg_recv(&c->peer, c->shared->cipher_in, relay_read_len(c, &c->app, c->bytes_in));
        if (in.len > 0) {
            moved += in.len;
            state = relay_decrypt(c, in, ended);
        } else if (c->peer.eof) {
            state = relay_truncated(c, ended);
        }
        if (c->peer.error != 0) {
            state = relay_broken(c, &c->peer);
        }
    }
    if (state == ended) {
        c->peer.reading = false;
    }
    return state;
}

/* Encrypts what one read gave, in records, and sends them to the peer at once. */
static enum conn_state relay_encrypt(struct conn *c, size_t len)
{
    struct buf out = buf_over(c->shared->cipher_out, CONN_CIPHER_OUT_CAP);
    struct tls_io io = {.in = {NULL, 0}, .out = &out};
    struct err err = {0};

    for (size_t done = 0; done < len;) {
        size_t part = len - done < TLS_RECORD_MAX ? len - done : TLS_RECORD_MAX;

        if (tls_write(c->tls, &io, c->shared->plain + done, part, &err) != TLS_OK) {
            return handshake_engine_failed(c, &out, err.msg);
        }
        done += part;
    }
    c->bytes_out += len;
    counter_add(c->shared->counters, COUNTER_BYTES_OUT, len);
    return leg_send(&c->peer, out.data, out.len) ? c->state : relay_broken(c, &c->peer);
}

/* The application's FIN becomes close_notify; the peer's TCP stream stays open for reading. */
static enum conn_state relay_close(struct conn *c, enum conn_state ended)
{
    struct buf out = buf_over(c->shared->cipher_out, CONN_CIPHER_OUT_CAP);
    struct tls_io io = {.in = {NULL, 0}, .out = &out};
    struct err err = {0};

    if (tls_close(c->tls, &io, &err) != TLS_OK) {
        return handshake_engine_failed(c, &out, err.msg);
    }
    return leg_send(&c->peer, out.data, out.len) ? ended : relay_broken(c, &c->peer);
}

/* Application to peer; `ended` is the state after the application's end. */
static enum conn_state relay_out(struct conn *c, enum conn_state ended)
{
    enum conn_state state = c->state;
    size_t moved = 0;

    while (state == c->state && relay_may_read(c, &c->app, &c->peer)) {
        size_t len = 0;

        if (!tls_may_write(c->tls)) { /* until the peer has sent the rest of its message */
            c->app.reading = false;
            break;
        }
        c->app.reading = true;
        if (!c->app.readable || relay_turn_over(&c->app, moved)) {
            break;
        }
        len = leg_recv(&c->app, c->shared->plain, relay_read_len(c, &c->peer, c->bytes_out));
        if (len > 0) {
            moved += len;
            state = relay_encrypt(c, len);
        } else if (c->app.eof) {
            state = relay_close(c, ended);
        }
    }
    /* What was read before the reset has been sent above, as far as the peer takes it. */
    if (state == c->state && c->app.error != 0) {
        return relay_broken(c, &c->app);
    }
    if (state == ended) {
        c->app.reading = false;
    }
    return state;
}

enum conn_state relay_run(struct conn *c)
{
    enum conn_state state = CONN_RELAY;

    if (c->app.error == 0) { /* else: what the application wrote before it broke goes first */
        state = relay_in(c, CONN_HALF_PEER);
    }
    return state == CONN_RELAY ? relay_out(c, CONN_HALF_APP) : state;
}

enum conn_state relay_half_peer(struct conn *c)
{
    if (c->app.out.len == 0) {
        leg_shut(&c->app);
    }
    return relay_out(c, CONN_FLUSH);
}

enum conn_state relay_half_app(struct conn *c)
{
    return relay_in(c, CONN_FLUSH);
}
