/*
 * Caller: connect, handshake, requests out, replies in.
 *
 * Happy path: CONNECTING until the socket is writable, HANDSHAKE if the target has TLS, OPEN until
 * caller_close(), CLOSING until libuv has let go of the descriptor.
 * Failures: the owner is told once, then as caller_close().
 */
#include "bench/caller.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/client.h"
#include "common/err.h"
#include "common/tls.h"

#define PARTS_MAX 16 /* requests that one sendmsg() takes */

int caller_group_init(struct caller_group *group, struct err *err)
{
    group->in = malloc(CALLER_SCRATCH);
    group->out = malloc(CALLER_SCRATCH);
    group->plain = malloc(CALLER_SCRATCH);
    if (group->in == NULL || group->out == NULL || group->plain == NULL) {
        caller_group_deinit(group);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    return 0;
}

void caller_group_deinit(struct caller_group *group)
{
    free(group->in);
    free(group->out);
    free(group->plain);
    group->in = NULL;
    group->out = NULL;
    group->plain = NULL;
}

int caller_init(struct caller *caller, struct caller_group *group, struct err *err)
{
    caller->group = group;
    caller->fd = -1;
    caller->poll.data = caller;
    caller->starts = calloc(group->pipeline, sizeof(*caller->starts));
    return caller->starts != NULL ? 0 : err_set(err, ERR_LIMIT, "out of memory");
}

void caller_deinit(struct caller *caller)
{
    assert(caller->state == CALLER_CLOSED);
    free(caller->starts);
    caller->starts = NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct caller *caller = handle->data;

    close(caller->fd);
    caller->fd = -1;
    tls_free(caller->tls);
    caller->tls = NULL;
    free(caller->pending);
    caller->pending = NULL;
    caller->state = CALLER_CLOSED;
    caller->group->callbacks->on_closed(caller);
}

static void shut(struct caller *caller)
{
    caller->state = CALLER_CLOSING;
    uv_close((uv_handle_t *)&caller->poll, on_closed);
}

static void fail(struct caller *caller, const struct err *err)
{
    if (caller->state == CALLER_CLOSED || caller->state == CALLER_CLOSING) {
        return;
    }
    shut(caller);
    caller->group->callbacks->on_failed(caller, err);
}

/* Before the first reply the other side of a TLS connection may still refuse us. */
static void fail_io(struct caller *caller, int errnum, const char *what)
{
    enum err_code code = caller->tls != NULL && !caller->answered ? ERR_DENIED : ERR_IO;
    struct err err;

    if (errnum != 0) {
        err_set_errno(&err, code, errnum, "%s", what);
    } else {
        err_set(&err, code, "%s", what);
    }
    fail(caller, &err);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct caller *caller, int events)
{
    if (caller->events != events && caller->state != CALLER_CLOSING) {
        caller->events = events;
        (void)uv_poll_start(&caller->poll, events, on_poll); /* only fails on a closing handle */
    }
}

/* Sends what is in `data`; keeps what the socket does not take.  False: failed. */
static bool send_ciphertext(struct caller *caller, const uint8_t *data, size_t len)
{
    ssize_t put = len > 0 ? send(caller->fd, data, len, MSG_NOSIGNAL) : 0;
    size_t done = put > 0 ? (size_t)put : 0;

    if (put < 0 && errno != EAGAIN) {
        fail_io(caller, errno, "send");
        return false;
    }
    if (done == len) {
        return true;
    }
    caller->pending = malloc(len - done);
    if (caller->pending == NULL) {
        fail_io(caller, ENOMEM, "send");
        return false;
    }
    memcpy(caller->pending, data + done, len - done);
    caller->pending_len = len - done;
    caller->pending_at = 0;
    return true;
}

/* False: still pending, or failed. */
static bool send_pending(struct caller *caller)
{
    ssize_t put = 0;

    if (caller->pending == NULL) {
        return true;
    }
    put = send(caller->fd, caller->pending + caller->pending_at,
               caller->pending_len - caller->pending_at, MSG_NOSIGNAL);
    if (put < 0) {
        if (errno != EAGAIN) {
            fail_io(caller, errno, "send");
        }
        return false;
    }
    caller->pending_at += (size_t)put;
    if (caller->pending_at < caller->pending_len) {
        return false;
    }
    free(caller->pending);
    caller->pending = NULL;
    return true;
}

static void advance(struct caller *caller, size_t len)
{
    size_t whole = caller->group->exchange->request_len;

    caller->sent += len;
    while (caller->sent >= whole) {
        caller->sent -= whole;
        caller->unsent--;
    }
}

static void flush_plain(struct caller *caller)
{
    const struct exchange *exchange = caller->group->exchange;

    while (caller->unsent > 0) {
        struct iovec parts[PARTS_MAX];
        size_t num = caller->unsent < PARTS_MAX ? caller->unsent : PARTS_MAX;
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = num};
        size_t total = num * exchange->request_len - caller->sent;
        ssize_t put = 0;

        for (size_t i = 0; i < num; i++) {
            size_t at = i == 0 ? caller->sent : 0;

            parts[i] = (struct iovec){.iov_base = exchange->request + at,
                                      .iov_len = exchange->request_len - at};
        }
        put = sendmsg(caller->fd, &message, MSG_NOSIGNAL);
        if (put < 0) {
            if (errno != EAGAIN) {
                fail_io(caller, errno, "send");
            }
            return;
        }
        advance(caller, (size_t)put);
        if ((size_t)put < total) {
            return;
        }
    }
}

static void flush_tls(struct caller *caller)
{
    const struct exchange *exchange = caller->group->exchange;

    while (send_pending(caller) && caller->unsent > 0) {
        struct buf out = buf_over(caller->group->out, CALLER_SCRATCH);
        struct tls_io io = {.out = &out};

        while (caller->unsent > 0 && buf_room(&out) >= TLS_RECORD_MAX + TLS_RECORD_OVERHEAD) {
            size_t left = exchange->request_len - caller->sent;
            size_t len = left < TLS_RECORD_MAX ? left : TLS_RECORD_MAX;
            struct err err;

            if (tls_write(caller->tls, &io, exchange->request + caller->sent, len, &err) !=
                TLS_OK) {
                fail(caller, &err);
                return;
            }
            advance(caller, len);
        }
        if (!send_ciphertext(caller, out.data, out.len)) {
            return;
        }
    }
}

void caller_flush(struct caller *caller)
{
    if (caller->state != CALLER_OPEN) {
        return;
    }
    if (caller->tls != NULL) {
        flush_tls(caller);
    } else {
        flush_plain(caller);
    }
    watch(caller,
          caller->unsent > 0 || caller->pending != NULL ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void caller_ask(struct caller *caller, uint64_t start_ns)
{
    size_t pipeline = caller->group->pipeline;

    assert(caller->state == CALLER_OPEN && caller->waiting < pipeline);
    caller->starts[(caller->first + caller->waiting) % pipeline] = start_ns;
    caller->waiting++;
    caller->unsent++;
}

/* Takes the replies in `in`. */
static void take(struct caller *caller, struct bytes in)
{
    while (in.len > 0 && caller->state == CALLER_OPEN) {
        uint64_t start_ns = caller->starts[caller->first];
        struct err err;
        int rc = 0;

        if (caller->waiting == caller->unsent) {
            err_set(&err, ERR_INVALID, "a reply that nobody has asked for");
            fail(caller, &err);
            return;
        }
        rc = exchange_take(caller->group->exchange, &caller->reader, &in, &err);
        if (rc < 0) {
            fail(caller, &err);
        } else if (rc > 0) {
            caller->first = (caller->first + 1) % caller->group->pipeline;
            caller->waiting--;
            caller->answered = true;
            caller->group->callbacks->on_reply(caller, start_ns);
        }
    }
}

static void open_up(struct caller *caller)
{
    caller->state = CALLER_OPEN;
    caller->group->callbacks->on_open(caller);
}

/* A step of the handshake.  False: it needs more, or failed. */
static bool shake(struct caller *caller, struct tls_io *io)
{
    struct err err = {0};
    enum tls_status status = tls_handshake(caller->tls, io, &err);

    /* A fatal alert goes out before anybody is told. */
    if (!send_ciphertext(caller, io->out->data, io->out->len)) {
        return false;
    }
    io->out->len = 0;
    if (status == TLS_WANT_MORE) {
        return false;
    }
    if (status != TLS_OK) {
        if (status == TLS_CLOSED) {
            err_set(&err, ERR_DENIED, "the other side ended the handshake");
        }
        err.code = ERR_DENIED;
        fail(caller, &err);
        return false;
    }
    open_up(caller);
    return true;
}

static void receive_tls(struct caller *caller, struct bytes in)
{
    struct buf out = buf_over(caller->group->out, CALLER_SCRATCH);
    struct tls_io io = {.in = in, .out = &out};

    if (caller->state == CALLER_HANDSHAKE && !shake(caller, &io)) {
        return;
    }
    while (caller->state == CALLER_OPEN) {
        struct err err;
        size_t len = 0;
        enum tls_status status =
            tls_read(caller->tls, &io, caller->group->plain, CALLER_SCRATCH, &len, &err);

        if (status == TLS_WANT_MORE) {
            break;
        }
        if (status == TLS_CLOSED) {
            fail_io(caller, 0, "the other side ended the connection");
        } else if (status == TLS_FAILED) {
            err.code = caller->answered ? ERR_IO : ERR_DENIED;
            fail(caller, &err);
        } else {
            take(caller, (struct bytes){.data = caller->group->plain, .len = len});
        }
    }
    if (caller->state == CALLER_OPEN && out.len > 0 && caller->pending == NULL) {
        (void)send_ciphertext(caller, out.data, out.len);
    }
}

static void receive(struct caller *caller)
{
    ssize_t got = recv(caller->fd, caller->group->in, CALLER_SCRATCH, 0);
    struct bytes in = {.data = caller->group->in};

    if (got < 0) {
        if (errno != EAGAIN) {
            fail_io(caller, errno, "receive");
        }
        return;
    }
    if (got == 0) {
        fail_io(caller, 0, "the other side ended the connection");
        return;
    }
    in.len = (size_t)got;
    if (caller->tls != NULL) {
        receive_tls(caller, in);
    } else {
        take(caller, in);
    }
}

/* The socket is there, or has failed. */
static void arrive(struct caller *caller)
{
    struct buf out = buf_over(caller->group->out, CALLER_SCRATCH);
    struct tls_io io = {.out = &out};
    int errnum = sockets_error(caller->fd);

    if (errnum != 0) {
        struct err err;

        err_set_errno(&err, ERR_IO, errnum, "connect");
        fail(caller, &err);
        return;
    }
    sockets_tune(caller->fd, 0);
    if (caller->tls == NULL) {
        open_up(caller);
    } else {
        caller->state = CALLER_HANDSHAKE;
        (void)shake(caller, &io);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct caller *caller = poll->data;

    if (caller->state == CALLER_CONNECTING) {
        arrive(caller);
    } else if (status < 0) {
        fail_io(caller, sockets_error(caller->fd), "connection");
    } else if ((events & UV_READABLE) != 0) {
        receive(caller);
    }
    if (caller->state == CALLER_HANDSHAKE) {
        watch(caller, send_pending(caller) ? UV_READABLE : UV_READABLE | UV_WRITABLE);
    }
    caller_flush(caller);
}

int caller_open(struct caller *caller, struct err *err)
{
    struct caller_group *group = caller->group;
    struct tls *tls = NULL;
    int fd = -1;

    assert(caller->state == CALLER_CLOSED);
    if (group->client != NULL) {
        tls = client_connect(group->client, group->server_name, err);
        if (tls == NULL) {
            return -1;
        }
    }
    caller->opened_ns = uv_hrtime();
    fd = sockets_connect(&group->address);
    if (fd < 0) {
        tls_free(tls);
        return err_set_errno(err, ERR_IO, errno, "connect");
    }
    if (uv_poll_init(group->loop, &caller->poll, fd) != 0) {
        tls_free(tls);
        close(fd);
        return err_set(err, ERR_LIMIT, "poll");
    }
    caller->fd = fd;
    caller->tls = tls;
    caller->first = 0;
    caller->waiting = 0;
    caller->unsent = 0;
    caller->sent = 0;
    caller->answered = false;
    caller->reader.at = 0;
    caller->reader.head_len = 0;
    caller->reader.in_body = false;
    caller->state = CALLER_CONNECTING;
    caller->events = 0;
    watch(caller, UV_WRITABLE);
    return 0;
}

void caller_close(struct caller *caller)
{
    if (caller->state == CALLER_CLOSED || caller->state == CALLER_CLOSING) {
        return;
    }
    if (caller->state == CALLER_OPEN && caller->tls != NULL && caller->pending == NULL) {
        uint8_t storage[2 * TLS_RECORD_OVERHEAD];
        struct buf out = buf_over(storage, sizeof(storage));
        struct tls_io io = {.out = &out};
        struct err err;

        if (tls_close(caller->tls, &io, &err) == TLS_OK) {
            (void)send(caller->fd, out.data, out.len, MSG_NOSIGNAL);
        }
    }
    shut(caller);
}
