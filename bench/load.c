/*
 * Load: the loop.  epoll rather than libuv, so that the instrument costs as little as can be.
 */
#include "bench/load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"

#define EVENTS_MAX 64

struct caller { /* one connection */
    int fd;
    size_t received;
    uint64_t sent_ns;
};

struct load {
    const struct load_options *options;
    int epoll;
    struct caller *callers;
    size_t num_callers;
    uint64_t counts_ns; /* requests sent from here on are counted */
    uint64_t ends_ns;   /* none is sent from here on */
    size_t waiting;     /* callers with a request in flight */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One connection, established. */
static int dial(const struct sockets_address *address, struct err *err)
{
    int fd = sockets_connect(address);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int errnum = 0;

    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "connect");
    }
    if (poll(&wait, 1, LOAD_STALL_MS) <= 0) {
        close(fd);
        return err_set(err, ERR_TIMEOUT, "connect: no answer");
    }
    errnum = sockets_error(fd);
    if (errnum != 0) {
        close(fd);
        return err_set_errno(err, ERR_IO, errnum, "connect");
    }
    sockets_tune(fd, 0);
    return fd;
}

static int load_open(struct load *load, struct err *err)
{
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0) {
        return err_set_errno(err, ERR_IO, errno, "epoll");
    }
    load->callers = calloc(load->options->connections, sizeof(*load->callers));
    if (load->callers == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    while (load->num_callers < load->options->connections) {
        struct caller *caller = &load->callers[load->num_callers];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
        int fd = dial(&load->options->address, err);

        if (fd < 0) {
            return err_wrap(err, "connection %zu", load->num_callers + 1);
        }
        caller->fd = fd;
        load->num_callers++;
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            return err_set_errno(err, ERR_IO, errno, "epoll");
        }
    }
    return 0;
}

static void load_close(struct load *load)
{
    for (size_t i = 0; i < load->num_callers; i++) {
        close(load->callers[i].fd);
    }
    free(load->callers);
    if (load->epoll >= 0) {
        close(load->epoll);
    }
}

/* The send buffer is empty, since the last request has been answered, so a request fits whole. */
static int ask(struct load *load, struct caller *caller, uint64_t now, struct err *err)
{
    const struct exchange *exchange = load->options->exchange;
    ssize_t put = send(caller->fd, exchange->request, exchange->request_len, MSG_NOSIGNAL);

    if (put < 0) {
        return err_set_errno(err, ERR_IO, errno, "send");
    }
    if ((size_t)put != exchange->request_len) {
        return err_set(err, ERR_IO, "send: took only %zd of %zu bytes", put, exchange->request_len);
    }
    caller->sent_ns = now;
    caller->received = 0;
    load->waiting++;
    return 0;
}

/* Takes what has come; a whole reply is counted and followed by the next request. */
static int hear(struct load *load, struct caller *caller, struct latency *latency, struct err *err)
{
    const struct exchange *exchange = load->options->exchange;
    uint8_t chunk[EXCHANGE_CAP];
    ssize_t got = recv(caller->fd, chunk, sizeof(chunk), 0);
    uint64_t now = 0;

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (got < 0) {
        return err_set_errno(err, ERR_IO, errno, "receive");
    }
    if (got == 0) {
        return err_set(err, ERR_IO, "the other side ended the connection");
    }
    if ((size_t)got > exchange->reply_len - caller->received ||
        memcmp(chunk, exchange->reply + caller->received, (size_t)got) != 0) {
        return err_set(err, ERR_INVALID, "another reply than expected");
    }
    caller->received += (size_t)got;
    if (caller->received < exchange->reply_len) {
        return 0;
    }
    load->waiting--;
    now = now_ns();
    if (caller->sent_ns >= load->counts_ns) {
        latency_add(latency, now - caller->sent_ns);
    }
    return now < load->ends_ns ? ask(load, caller, now, err) : 0;
}

static int load_turn(struct load *load, struct latency *latency, struct err *err)
{
    struct epoll_event events[EVENTS_MAX];
    int num = epoll_wait(load->epoll, events, EVENTS_MAX, LOAD_STALL_MS);

    if (num == 0) {
        return err_set(err, ERR_TIMEOUT, "no reply for %d ms", LOAD_STALL_MS);
    }
    for (int i = 0; i < num; i++) {
        if (hear(load, events[i].data.ptr, latency, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int load_run(const struct load_options *options, struct latency *latency, uint64_t *out_elapsed_ns,
             struct err *err)
{
    struct load load = {.options = options, .epoll = -1};
    int rc = -1;
    uint64_t now = 0;

    if (load_open(&load, err) != 0) {
        goto out;
    }
    now = now_ns();
    load.counts_ns = now + options->warm_up_ms * 1000000;
    load.ends_ns = load.counts_ns + options->time_ms * 1000000;
    for (size_t i = 0; i < load.num_callers; i++) {
        if (ask(&load, &load.callers[i], now, err) != 0) {
            goto out;
        }
    }
    while (load.waiting > 0) {
        if (load_turn(&load, latency, err) != 0) {
            goto out;
        }
    }
    *out_elapsed_ns = now_ns() - load.counts_ns;
    rc = 0;
out:
    load_close(&load);
    return rc;
}
