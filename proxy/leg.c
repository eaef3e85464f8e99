/*
 * Leg: one socket of a connection: which events are watched, what an error means, what waits to be
 * sent.  Knows neither TLS nor states.
 */
#include "proxy/leg.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/sockets.h"

#define LEG_IOV_MAX 16

void leg_init(struct leg *leg, struct chunk_pool *pool, void *owner,
              void (*on_event)(struct leg *leg), void (*on_closed)(struct leg *leg))
{
    *leg = (struct leg){
        .fd = -1, .pool = pool, .owner = owner, .on_event = on_event, .on_closed = on_closed};
}

bool leg_is_open(const struct leg *leg)
{
    return leg->fd >= 0;
}

static void leg_fail(struct leg *leg, int error)
{
    if (leg->error == 0) {
        leg->error = error != 0 ? error : ECONNRESET;
    }
    leg->readable = true; /* what arrived before it broke can still be received */
}

/* A PRIORITIZED event says only that one of several things has happened. */
static void leg_look(struct leg *leg)
{
    struct pollfd seen = {.fd = leg->fd, .events = POLLPRI};

    if (poll(&seen, 1, 0) <= 0) {
        return;
    }
    if ((seen.revents & POLLPRI) != 0) {
        leg->urgent = true;
    }
    if ((seen.revents & POLLERR) != 0) {
        leg_fail(leg, sockets_error(leg->fd));
    }
    if ((seen.revents & POLLHUP) != 0) {
        leg->hung_up = true;
        leg->fin_seen = true;
        leg->readable = true;
    }
}

static void leg_on_poll(uv_poll_t *poll, int status, int events)
{
    struct leg *leg = poll->data;

    if (status < 0) { /* EPOLLERR: libuv has stopped watching */
        leg->mask = 0;
        leg_fail(leg, sockets_error(leg->fd));
    } else {
        if ((events & UV_READABLE) != 0) {
            leg->readable = true;
        }
        if ((events & UV_DISCONNECT) != 0) {
            leg->fin_seen = true;
            leg->readable = true;
        }
        if ((events & UV_PRIORITIZED) != 0) {
            leg_look(leg);
        }
        if ((events & UV_WRITABLE) != 0) {
            leg_flush(leg);
        }
    }
    leg->on_event(leg);
}

int leg_open(struct leg *leg, uv_loop_t *loop, int fd)
{
    int rc = uv_poll_init(loop, &leg->poll, fd);

    if (rc != 0) {
        close(fd);
        errno = -rc;
        return -1;
    }
    leg->poll.data = leg;
    leg->fd = fd;
    return 0;
}

int leg_mask(const struct leg *leg)
{
    bool ended = leg->eof || leg->fin_seen;
    int mask = 0;

    if (leg->error != 0 || leg->hung_up || (ended && leg->shut)) {
        return 0; /* EPOLLERR and EPOLLHUP cannot be masked: only not watching stops them */
    }
    if (leg->reading && !leg->eof) {
        mask = UV_READABLE | UV_PRIORITIZED;
    } else {
        mask = ended ? UV_PRIORITIZED : UV_DISCONNECT;
    }
    return leg->out.len > 0 && !leg->blocked ? mask | UV_WRITABLE : mask;
}

void leg_watch(struct leg *leg)
{
    int mask = leg_is_open(leg) ? leg_mask(leg) : 0;

    if (!leg_is_open(leg) || mask == leg->mask) {
        return;
    }
    leg->mask = mask;
    if (mask == 0) {
        uv_poll_stop(&leg->poll);
    } else {
        uv_poll_start(&leg->poll, mask, leg_on_poll);
    }
}

size_t leg_recv(struct leg *leg, uint8_t *out, size_t cap)
{
    ssize_t len = 0;

    if (!leg_is_open(leg) || leg->eof) {
        return 0;
    }
    do {
        len = recv(leg->fd, out, cap, 0);
    } while (len < 0 && errno == EINTR);
    if (len > 0) {
        if ((size_t)len < cap && !leg->fin_seen && leg->error == 0) {
            leg->readable = false; /* drained for now: epoll will tell of more */
        }
        return (size_t)len;
    }
    leg->readable = false;
    if (len == 0) {
        if (leg->error == 0) { /* else: an RST whose SO_ERROR was taken reads as an end */
            leg->eof = true;
            leg->fin_seen = true;
        }
    } else if (errno != EAGAIN) {
        leg_fail(leg, errno);
        leg->readable = false;
    }
    return 0;
}

void leg_flush(struct leg *leg)
{
    leg->blocked = false;
    while (leg->out.len > 0 && leg->error == 0) {
        struct iovec iov[LEG_IOV_MAX];
        struct msghdr msg = {.msg_iov = iov,
                             .msg_iovlen = chunk_queue_peek(&leg->out, iov, LEG_IOV_MAX)};
        ssize_t len = sendmsg(leg->fd, &msg, MSG_NOSIGNAL);

        if (len < 0) {
            if (errno == EINTR) {
                continue;
            }
            leg->blocked = errno == ENOBUFS;
            if (errno != EAGAIN && errno != ENOBUFS) {
                leg_fail(leg, errno);
            }
            return;
        }
        leg->sent += (size_t)len;
        chunk_queue_consume(&leg->out, leg->pool, (size_t)len);
    }
}

bool leg_send(struct leg *leg, const uint8_t *data, size_t len)
{
    ssize_t sent = 0;

    if (len == 0) {
        return true;
    }
    if (!leg_is_open(leg) || leg->error != 0) {
        return false;
    }
    if (leg->out.len == 0) {
        do {
            sent = send(leg->fd, data, len, MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        leg->blocked = sent < 0 && errno == ENOBUFS;
        if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
            leg_fail(leg, errno);
            return false;
        }
        sent = sent < 0 ? 0 : sent;
        leg->sent += (size_t)sent;
    }
    data += sent;
    len -= (size_t)sent;
    if (len > 0 && (len > LEG_QUEUE_MAX - leg->out.len ||
                    !chunk_queue_append(&leg->out, leg->pool, data, len))) {
        leg_fail(leg, ENOMEM);
        return false;
    }
    return true;
}

bool leg_retry(struct leg *leg)
{
    if (!leg->blocked) {
        return false;
    }
    leg_flush(leg);
    return true;
}

void leg_shut(struct leg *leg)
{
    assert(leg->out.len == 0);
    if (leg_is_open(leg) && !leg->shut) {
        leg->shut = true;
        (void)shutdown(leg->fd, SHUT_WR); /* fails only on a socket that is already broken */
    }
}

static void leg_on_closed(uv_handle_t *handle)
{
    struct leg *leg = handle->data;

    leg->on_closed(leg);
}

/* The handle goes first: libuv must forget the descriptor before its number is free again. */
static int leg_detach(struct leg *leg)
{
    int fd = leg->fd;

    leg->fd = -1;
    leg->mask = 0;
    leg->readable = false;
    leg->blocked = false;
    chunk_queue_clear(&leg->out, leg->pool);
    uv_close((uv_handle_t *)&leg->poll, leg_on_closed);
    return fd;
}

void leg_close(struct leg *leg)
{
    if (leg_is_open(leg)) {
        close(leg_detach(leg));
    }
}

void leg_reset(struct leg *leg)
{
    if (leg_is_open(leg)) {
        sockets_reset(leg_detach(leg));
    }
}
