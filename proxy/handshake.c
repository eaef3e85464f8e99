/*
 * Handshake: TLS until it is known who the peer is, and what happens when the engine fails.
 *
 * The verify callback of the generation decides; but it runs before the peer has proved that the
 * key is its own, so nothing here counts, logs or dials before the engine says TLS_OK.
 */
#include <errno.h>
#include <stdio.h>

#include "common/err.h"
#include "proxy/conn_state.h"
#include "proxy/judge.h"
#include "proxy/tenure.h"

/* False if our identity does not allow a handshake now: fail closed. */
static bool handshake_begin(struct conn *c)
{
    struct generation *generation = c->shared->generation;
    SSL_CTX *ctx = NULL;

    if (!generation_valid(generation, generation_now(generation))) {
        (void)conn_fail(c, REASON_IDENTITY_INVALID);
        return false;
    }
    ctx = generation_ctx(generation, c->route_index);
    if (c->route->egress) {
        c->tls = ctx != NULL ? tls_new_client(ctx, c->route->sni) : NULL;
    } else {
        c->tls = ctx != NULL ? tls_new_server(ctx) : NULL;
    }
    if (c->tls == NULL) {
        (void)conn_fail(c, REASON_LIMIT);
        return false;
    }
    c->generation = generation_ref(generation);
    c->tenure = tenure_ref(generation_tenure(generation));
    if (!generation_attach(generation, c->route_index, tls_ssl(c->tls), c->shared->peers)) {
        (void)conn_fail(c, REASON_LIMIT);
        return false;
    }
    return true;
}

/* False if the identity that it began with has expired since, in a pause of the machine say: then
   it must not be shown any more. */
static bool handshake_may_go_on(struct conn *c)
{
    if (generation_valid(c->generation, generation_now(c->shared->generation))) {
        return true;
    }
    (void)conn_fail(c, REASON_IDENTITY_INVALID);
    return false;
}

/* In TLS 1.3 a client learns that it was refused only after its own handshake is over. */
static enum reason handshake_alert_reason(const struct conn *c)
{
    return c->route->egress && c->svid != NULL && c->bytes_in == 0 ? REASON_PEER_REJECTED_US
                                                                   : REASON_ALERT_RECEIVED;
}

void handshake_last_words(struct conn *c)
{
    struct buf out = buf_over(c->shared->cipher_out, CONN_CIPHER_OUT_CAP);
    struct bytes in = chunk_queue_first(&c->stash);
    enum tls_status status = TLS_WANT_MORE;
    size_t moved = 0;

    while (c->tls != NULL && status == TLS_WANT_MORE && moved < CONN_TURN_MAX) {
        struct tls_io io = {.in = in, .out = &out};
        struct err err;

        do {
            size_t len = 0; /* of what nobody is left to hear */

            status = tls_read(c->tls, &io, c->shared->plain, CONN_PLAIN_CAP, &len, &err);
        } while (status == TLS_OK);
        in.data = c->shared->cipher_in;
        in.len = leg_recv(&c->peer, c->shared->cipher_in, CONN_READ_LEN);
        moved += in.len;
        if (in.len == 0) {
            break;
        }
    }
    if (c->tls != NULL && tls_failure(c->tls) == TLS_FAILURE_ALERT_RECEIVED) {
        conn_set_reason(c, handshake_alert_reason(c));
    }
}

enum conn_state handshake_engine_failed(struct conn *c, const struct buf *alert, const char *why)
{
    SSL *ssl = tls_ssl(c->tls);
    const char *denial = judge_denial(ssl);
    const char *refusal = c->svid == NULL ? judge_refusal(ssl) : NULL;

    conn_set_detail(c, refusal != NULL ? refusal : why);
    switch (tls_failure(c->tls)) {
    case TLS_FAILURE_ALERT_RECEIVED:
        return conn_fail(c, handshake_alert_reason(c));
    case TLS_FAILURE_ALERT_SENT:
        break;
    case TLS_FAILURE_NONE:
    case TLS_FAILURE_INTERNAL:
        return conn_fail(c, REASON_LIMIT);
    }
    if (denial != NULL) {
        counter_add(c->shared->counters, counter_of_denial(denial), 1);
    }
    conn_set_reason(c, denial != NULL ? REASON_AUTHZ_DENIED : REASON_ALERT_SENT);
    if (leg_is_open(&c->app)) {
        counter_add(c->shared->counters, COUNTER_RESETS_APP, 1);
        leg_reset(&c->app);
    }
    c->peer.reading = false;
    return leg_send(&c->peer, alert->data, alert->len) ? CONN_REFUSE : CONN_CLOSING;
}

/* The handshake is over: takes down who the peer is. */
static enum conn_state handshake_authorize(struct conn *c, struct bytes rest, enum conn_state done)
{
    struct conn_shared *shared = c->shared;
    const struct authz_rule *rule = NULL;
    const struct svid *svid = judge_peer(tls_ssl(c->tls), &rule);

    if (svid != NULL && c->generation != shared->generation) {
        rule = generation_allows(shared->generation, c->route_index, svid);
    }
    if (svid == NULL || rule == NULL) {
        return conn_fail(c, REASON_AUTHZ_DENIED);
    }
    /* The callback found it valid, but that may be a pause of the machine ago. */
    if (generation_now(shared->generation) >= svid->not_after) {
        return conn_fail(c, REASON_PEER_EXPIRED);
    }
    if (rest.len > 0 && !chunk_queue_append(&c->stash, &shared->pool, rest.data, rest.len)) {
        return conn_fail(c, REASON_LIMIT);
    }
    (void)snprintf(c->rule, sizeof(c->rule), "%s", rule->name); /* rules go with their generation */
    judge_release(tls_ssl(c->tls));
    generation_unref(c->generation);
    c->generation = NULL;
    c->svid = svid;
    shared->expiry = conn_expiry(c) < shared->expiry ? conn_expiry(c) : shared->expiry;
    c->handshake_ms = conn_now_ms(c) - c->handshake_from_ms;
    counter_add(shared->counters,
                c->route->egress ? COUNTER_AUTHORIZED_EGRESS : COUNTER_AUTHORIZED_INGRESS, 1);
    counters_handshake(shared->counters, c->handshake_ms);
    counter_add(shared->counters, counter_of_tee(svid->has_claims ? svid->claims.tee : ""), 1);
    return done;
}

/* One engine call with what has arrived; CONN_HANDSHAKE: it wants more. */
static enum conn_state handshake_step(struct conn *c, size_t len, enum conn_state done)
{
    struct buf out = buf_over(c->shared->cipher_out, CONN_CIPHER_OUT_CAP);
    struct tls_io io = {.in = {c->shared->cipher_in, len}, .out = &out};
    struct err err = {0};
    enum tls_status status = tls_handshake(c->tls, &io, &err);

    if (status == TLS_FAILED) {
        return handshake_engine_failed(c, &out, err.msg);
    }
    if (!leg_send(&c->peer, out.data, out.len)) {
        return conn_fail(c, c->peer.error == ENOMEM ? REASON_LIMIT : REASON_PEER_RESET);
    }
    switch (status) {
    case TLS_OK:
        return handshake_authorize(c, io.in, done);
    case TLS_WANT_MORE:
        return CONN_HANDSHAKE;
    case TLS_CLOSED:
    case TLS_FAILED:
        break;
    }
    return conn_fail(c, REASON_ALERT_RECEIVED);
}

enum conn_state handshake_run(struct conn *c, enum conn_state done)
{
    enum conn_state state = CONN_HANDSHAKE;

    c->peer.reading = true;
    if (c->tls == NULL && c->route->egress) { /* a client speaks first */
        c->handshake_from_ms = conn_now_ms(c);
        if (!handshake_begin(c)) {
            return CONN_CLOSING;
        }
        state = handshake_step(c, 0, done);
    }
    while (state == CONN_HANDSHAKE && c->peer.readable) {
        size_t len = leg_recv(&c->peer, c->shared->cipher_in, CONN_READ_LEN);

        if (len == 0) {
            break;
        }
        /* A silent client costs no engine; and whoever speaks must find a valid identity. */
        if (c->tls == NULL ? !handshake_begin(c) : !handshake_may_go_on(c)) {
            return CONN_CLOSING;
        }
        state = handshake_step(c, len, done);
    }
    if (state == CONN_HANDSHAKE && c->peer.error != 0) {
        return conn_fail(c, REASON_PEER_RESET);
    }
    if (state == CONN_HANDSHAKE && c->peer.eof) {
        return conn_fail(c, REASON_PEER_TRUNCATED);
    }
    if (state == done) {
        c->peer.reading = false;
    }
    return state;
}
