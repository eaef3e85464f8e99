/*
 * Listener: accept, and the end.
 */
#include "ca/listener.h"

#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "common/sockets.h"

#define BACKLOG 128
#define SAY_FULL_MS 10000 /* at most so often */

struct listener {
    uv_tcp_t tcp;
    struct listener_options options;
    struct conn_list conns;
    bool closed; /* the socket is */
    uint64_t
        full_from; /* milliseconds of the loop: when it was last said that it is full; 0: never */
    uint64_t num_dropped;
};

/* Both the socket and the last connection come here. */
static void listener_finish(void *user)
{
    struct listener *listener = user;

    if (listener->closed && listener->conns.num == 0) {
        free(listener);
    }
}

static void listener_on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;

    listener->closed = true;
    listener_finish(listener);
}

static void listener_say_full(struct listener *listener)
{
    uint64_t now = uv_now(listener->options.loop);

    if (listener->full_from != 0 && now - listener->full_from < SAY_FULL_MS) {
        return;
    }
    listener->full_from = now;
    log_warn("listener.full", kv_text("name", listener->options.name),
             kv_num("connections", (int64_t)listener->conns.num),
             kv_num("dropped", (int64_t)listener->num_dropped));
}

/* Over the limit: accepted and closed, since libuv announces nothing more until it is accepted. */
static void listener_drop(struct listener *listener)
{
    uv_tcp_t *tcp = malloc(sizeof(*tcp));

    if (tcp == NULL || uv_tcp_init(listener->options.loop, tcp) != 0) {
        free(tcp);
        return;
    }
    if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)tcp) != 0) {
        log_debug("listener.drop_failed", kv_text("name", listener->options.name));
    }
    uv_close((uv_handle_t *)tcp, (uv_close_cb)free);
}

static void listener_on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;
    struct err err;

    if (status != 0) {
        log_warn("listener.accept_failed", kv_text("name", listener->options.name),
                 kv_text("reason", uv_strerror(status)));
        return;
    }
    if (listener->conns.num >= listener->options.connections_max) {
        /* Whoever holds connections open must not keep others out. */
        bool has_room = listener->conns.num < 2 * listener->options.connections_max &&
                        conn_make_room(&listener->conns);

        listener->num_dropped++;
        listener_say_full(listener);
        if (!has_room) {
            listener_drop(listener);
            return;
        }
    }
    if (conn_accept(stream, &listener->options.conn, &listener->conns, &err) != 0) {
        log_warn("listener.accept_failed", kv_text("name", listener->options.name),
                 kv_text("reason", err.msg));
    }
}

static int listener_bind(struct listener *listener, struct err *err)
{
    struct sockets_address address = {0};
    char text[SOCKETS_TEXT_CAP];
    int len = sizeof(address.u);
    int rc = 0;

    if (sockets_parse(listener->options.address, &address, err) != 0) {
        return -1;
    }
    rc = uv_tcp_bind(&listener->tcp, &address.u.any, 0);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, listener_on_connection);
    }
    if (rc == 0) {
        rc = uv_tcp_getsockname(&listener->tcp, &address.u.any, &len);
    }
    if (rc != 0) {
        return err_set(err, ERR_IO, "listen on %s: %s", listener->options.address, uv_strerror(rc));
    }
    address.len = (socklen_t)len;
    sockets_format(&address, text);
    log_info("listener.ready", kv_text("name", listener->options.name), kv_text("addr", text));
    return 0;
}

struct listener *listener_start(const struct listener_options *options, struct err *err)
{
    struct listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL || uv_tcp_init(options->loop, &listener->tcp) != 0) {
        free(listener);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    listener->options = *options;
    listener->tcp.data = listener;
    listener->conns = (struct conn_list){.on_empty = listener_finish, .user = listener};
    if (listener_bind(listener, err) != 0) {
        listener_stop(listener);
        return NULL;
    }
    return listener;
}

size_t listener_connections(const struct listener *listener)
{
    return listener->conns.num;
}

void listener_stop(struct listener *listener)
{
    uv_close((uv_handle_t *)&listener->tcp, listener_on_closed);
    conn_finish_all(&listener->conns);
}
