/*
 * Listener: the accept loop, its caps and its pauses.  What becomes of a socket is conn.c.
 */
#include "proxy/listener.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"

#define LISTENER_BACKLOG 4096
#define LISTENER_ACCEPT_MAX 64 /* per callback */
#define LISTENER_BACKOFF_MIN_MS 10
#define LISTENER_BACKOFF_MAX_MS 1000

/* Takes `fd`, even when it fails. */
static struct listener *listener_new(const struct conn_route *route, int fd, struct err *err)
{
    struct listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL) {
        close(fd);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    listener->route = route;
    listener->fd = fd;
    return listener;
}

/* Eight calls fewer for each connection than with options of its own. */
static void listener_tune(struct listener *listener)
{
    sockets_tune(listener->fd, conn_user_timeout_ms(listener->route));
    listener->tuned = true;
}

struct listener *listener_open(const struct conn_route *route,
                               const struct sockets_address *address, bool reuse_port,
                               struct err *err)
{
    struct sockets_listen_options options = {
        .bind_only = true,
        .reuse_port = reuse_port,
        .transparent = route->tproxy,
        .defer_accept = !route->egress, /* an egress client may wait for the server to speak */
    };
    struct listener *listener = NULL;
    int fd = sockets_listen(address, &options, err);

    if (fd < 0) {
        (void)err_wrap(err, "%s %s", route->egress ? "egress" : "ingress", route->name);
        return NULL;
    }
    listener = listener_new(route, fd, err);
    if (listener == NULL) {
        return NULL;
    }
    listener_tune(listener); /* before anybody can connect */
    listener->listening = route->egress;
    if (sockets_bound(fd, &listener->address, err) != 0) {
        listener_close(listener);
        return NULL;
    }
    if (route->egress && listen(fd, LISTENER_BACKLOG) != 0) {
        (void)err_set_errno(err, ERR_IO, errno, "egress %s: listen", route->name);
        listener_close(listener);
        return NULL;
    }
    return listener;
}

struct listener *listener_share(const struct conn_route *route, const struct entrance *entrance,
                                struct err *err)
{
    struct listener *listener = NULL;
    int fd = entrance_dup(entrance);

    if (fd < 0) {
        (void)err_set_errno(err, ERR_IO, errno, "%s: dup", route->name);
        return NULL;
    }
    listener = listener_new(route, fd, err);
    if (listener != NULL) {
        listener->listening = true;
        listener->address = entrance->address;
        listener->outlives_us = entrance->outlives_us;
    }
    return listener;
}

/* The cap that holds accepting back; COUNTERS: none. */
static enum counter listener_cap(const struct listener *listener)
{
    const struct conn_shared *shared = listener->shared;
    bool egress = listener->route->egress;

    if (census_full(shared->census, egress, listener->route_index)) {
        return COUNTER_SHED_CONNECTIONS;
    }
    return shared->num_handshakes[egress] >= listener->handshakes_max ? COUNTER_SHED_HANDSHAKES
                                                                      : COUNTERS;
}

/* Whoever connects before our first identity is not to be refused for that: where the socket was
   there before us the backlog holds, our own does not listen. */
static bool listener_waits(struct listener *listener)
{
    const struct generation *generation = listener->shared->generation;

    if (listener->route->egress || listener->had_identity) {
        return false;
    }
    listener->had_identity = generation_valid(generation, generation_now(generation));
    return !listener->had_identity;
}

static void listener_set_failed(struct listener *listener, int error)
{
    if (!listener->failed && error != 0) {
        log_error("listener.failed", kv_text("name", listener->route->name),
                  kv_text("error", uv_strerror(-error)));
        counter_add(listener->shared->counters, COUNTER_LISTENERS_FAILED, 1);
    } else if (listener->failed && error == 0) {
        counter_sub(listener->shared->counters, COUNTER_LISTENERS_FAILED, 1);
    }
    listener->failed = error != 0;
}

/* False, and the next tick tries again, if another program has begun to listen there meanwhile. */
static bool listener_listens(struct listener *listener)
{
    if (!listener->listening && listen(listener->fd, LISTENER_BACKLOG) != 0) {
        listener_set_failed(listener, errno);
        return false;
    }
    listener_set_failed(listener, 0);
    listener->listening = true;
    return true;
}

static void listener_pause(struct listener *listener)
{
    if (listener->accepting) {
        listener->accepting = false;
        uv_poll_stop(&listener->poll);
        counter_add(listener->shared->counters, COUNTER_ACCEPT_PAUSED, 1);
    }
}

static void listener_on_retry(uv_timer_t *timer)
{
    listener_resume(timer->data);
}

static void listener_back_off(struct listener *listener, int error)
{
    bool memory = error == ENOMEM || error == ENOBUFS;
    uint64_t next = listener->backoff_ms * 2;

    if (next < LISTENER_BACKOFF_MIN_MS) {
        next = LISTENER_BACKOFF_MIN_MS;
        log_warn("listener.paused", kv_text("name", listener->route->name),
                 kv_text("why", memory ? "memory" : "descriptors"));
    }
    listener->backoff_ms = next < LISTENER_BACKOFF_MAX_MS ? next : LISTENER_BACKOFF_MAX_MS;
    counter_add(listener->shared->counters,
                memory ? COUNTER_ACCEPT_ERRORS_MEMORY : COUNTER_ACCEPT_ERRORS_DESCRIPTORS, 1);
    listener_pause(listener);
    uv_timer_start(&listener->retry, listener_on_retry, listener->backoff_ms, 0);
}

/* Accepts once; false: no more for now. */
static bool listener_accept(struct listener *listener)
{
    struct conn_origin origin = {
        .route = listener->route,
        .route_index = listener->route_index,
        .tuned = listener->tuned,
    };
    struct census *census = listener->shared->census;
    enum counter cap = COUNTERS;

    if (listener->fd < 0) { /* closed by what the last connection led to */
        return false;
    }
    cap = listener_cap(listener);
    if (cap == COUNTERS && !census_enter(census, origin.route->egress, origin.route_index)) {
        cap = COUNTER_SHED_CONNECTIONS; /* another worker was faster */
    }
    if (cap != COUNTERS) {
        counter_add(listener->shared->counters, cap, 1);
        listener_pause(listener);
        return false;
    }
    origin.fd = sockets_accept(listener->fd, &origin.source);
    if (origin.fd >= 0) {
        listener->backoff_ms = 0;
        conn_start(listener->shared, &origin);
        return true;
    }
    census_leave(census, origin.route->egress, origin.route_index);
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        listener_back_off(listener, errno);
        return false;
    case EBADF: /* these would not get better by trying on */
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
        listener_back_off(listener, EMFILE);
        return false;
    default: /* that one connection is gone: ECONNABORTED, EPROTO, EINTR, network errors */
        counter_add(listener->shared->counters, COUNTER_ACCEPT_ERRORS_OTHER, 1);
        return true;
    }
}

static void listener_on_poll(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;

    for (unsigned i = 0; i < LISTENER_ACCEPT_MAX && listener_accept(listener); i++) {
        /* at most so many: the other descriptors of the loop wait */
    }
}

int listener_start(struct listener *listener, struct conn_shared *shared, size_t route_index,
                   size_t handshakes_max)
{
    int rc = uv_poll_init(shared->loop, &listener->poll, listener->fd);

    if (rc != 0) {
        return rc;
    }
    rc = uv_timer_init(shared->loop, &listener->retry);
    assert(rc == 0); /* it only fills in the handle */
    listener->num_handles = 2;
    listener->shared = shared;
    listener->route_index = route_index;
    listener->handshakes_max = handshakes_max;
    listener->poll.data = listener;
    listener->retry.data = listener;
    counter_add(shared->counters, COUNTER_ACCEPT_PAUSED, 1);
    listener_resume(listener);
    if (!listener->route->egress) {
        census_open_entry(shared->census);
    }
    return 0;
}

void listener_move(struct listener *listener, const struct conn_route *route, size_t route_index,
                   size_t handshakes_max)
{
    listener->route = route;
    listener->route_index = route_index;
    listener->handshakes_max = handshakes_max;
    if (listener->tuned) {
        listener_tune(listener); /* the limits may be others */
    }
    listener_resume(listener);
}

void listener_resume(struct listener *listener)
{
    if (listener->fd < 0 || listener->accepting || listener_cap(listener) != COUNTERS ||
        listener_waits(listener) || !listener_listens(listener)) {
        return;
    }
    uv_timer_stop(&listener->retry);
    listener->accepting = true;
    uv_poll_start(&listener->poll, UV_READABLE, listener_on_poll);
    counter_sub(listener->shared->counters, COUNTER_ACCEPT_PAUSED, 1);
}

void listener_tick(struct listener *listener)
{
    if (listener->fd >= 0 && !listener->accepting &&
        !uv_is_active((uv_handle_t *)&listener->retry)) {
        listener_resume(listener);
    }
}

static void listener_on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;

    listener->num_handles--;
    if (listener->num_handles == 0) {
        free(listener);
    }
}

void listener_close(struct listener *listener)
{
    if (listener == NULL) {
        return;
    }
    if (listener->shared == NULL) { /* never started */
        close(listener->fd);
        free(listener);
        return;
    }
    while (listener->listening && !listener->outlives_us && listener_accept(listener)) {
        /* closing the socket would reset what has connected already */
    }
    if (!listener->accepting) {
        counter_sub(listener->shared->counters, COUNTER_ACCEPT_PAUSED, 1);
    }
    listener->accepting = false;
    listener_set_failed(listener, 0);
    uv_close((uv_handle_t *)&listener->poll, listener_on_closed);
    uv_close((uv_handle_t *)&listener->retry, listener_on_closed);
    close(listener->fd);
    listener->fd = -1;
    if (!listener->route->egress) {
        census_close_entry(listener->shared->census);
    }
}
