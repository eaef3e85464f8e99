/*
 * Preface: the state PREFACE of an ingress: the header of the PROXY protocol before the first byte
 * of TLS, where a load balancer stands in front.
 *
 * Exactly the header is read, so that nothing of TLS is ever in the wrong hands.  A header that
 * comes in pieces waits in the stash.  Whatever is wrong ends in a reset: the other side is no TLS
 * peer yet, and cannot be told more.
 */
#include <string.h>

#include "common/err.h"
#include "proxy/conn_state.h"
#include "proxy/proxy_protocol.h"

static bool preface_is_expected(const struct conn_proxy *proxy,
                                const struct sockets_address *source)
{
    for (size_t i = 0; i < proxy->num_in_from; i++) {
        if (prefix_holds(&proxy->in_from[i], source)) {
            return true;
        }
    }
    return false;
}

static enum conn_state preface_refuse(struct conn *c, const char *why)
{
    conn_set_detail(c, why);
    return conn_fail(c, REASON_PROXY_HEADER);
}

/* The header is there. */
static enum conn_state preface_take(struct conn *c,
                                    const struct proxy_protocol_addresses *addresses)
{
    chunk_queue_clear(&c->stash, &c->shared->pool);
    if (addresses->source.len > 0) {
        c->source = addresses->source;
        c->destination = addresses->destination;
        if (!conn_enter_source(c)) { /* the balancer's own connections are not counted */
            conn_set_detail(c, "max_connections_per_source");
            return conn_fail(c, REASON_LIMIT);
        }
    }
    return CONN_HANDSHAKE;
}

/* It is not: keeps what has come of it since `from`. */
static enum conn_state preface_wait(struct conn *c, size_t from, size_t len)
{
    if (c->peer.error != 0) {
        return conn_fail(c, REASON_PEER_RESET);
    }
    if (c->peer.eof) {
        return preface_refuse(c, "PROXY header: the stream ends in it");
    }
    if (!chunk_queue_append(&c->stash, &c->shared->pool, c->shared->cipher_in + from, len - from)) {
        return conn_fail(c, REASON_LIMIT);
    }
    return CONN_PREFACE;
}

enum conn_state preface_run(struct conn *c)
{
    struct bytes held = chunk_queue_first(&c->stash);
    enum proxy_protocol_status status = PROXY_PROTOCOL_MORE;
    struct proxy_protocol_addresses addresses = {.source = {.len = 0}};
    struct bytes in = {c->shared->cipher_in, held.len};
    struct err err = {0};

    if (!c->route->proxy.in) {
        return CONN_HANDSHAKE;
    }
    if (!preface_is_expected(&c->route->proxy, &c->source)) {
        return preface_refuse(c, "not from proxy_in_from");
    }
    if (held.len > 0) {
        memcpy(c->shared->cipher_in, held.data, held.len);
    }
    c->peer.reading = true;
    for (;;) {
        size_t need = 0;
        size_t got = 0;

        status = proxy_protocol_read(in, &addresses, &need, &err);
        if (status != PROXY_PROTOCOL_MORE || !c->peer.readable) {
            break;
        }
        got = leg_recv(&c->peer, c->shared->cipher_in + in.len, need - in.len);
        if (got == 0) {
            break;
        }
        in.len += got;
    }
    switch (status) {
    case PROXY_PROTOCOL_DONE:
        return preface_take(c, &addresses);
    case PROXY_PROTOCOL_MORE:
        return preface_wait(c, held.len, in.len);
    case PROXY_PROTOCOL_BAD:
        break;
    }
    return preface_refuse(c, err.msg);
}
