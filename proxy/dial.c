/*
 * Dial: one connect to the first of several addresses that answers.  Names are
 * resolver.c.
 */
#include "proxy/dial.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct dial_attempt {
    struct dial *dial;
    uv_poll_t poll;
    int fd; /* -1: not under way */
};

struct dial {
    uv_loop_t *loop;
    enum dial_state state;
    int error;
    int fd;        /* of the winner, until it is taken */
    size_t winner; /* its attempt */
    struct resolver_waiter waiter;
    struct resolver_answer answer;
    struct sockets_address own;           /* len 0: none */
    size_t order[RESOLVER_ADDRESSES_MAX]; /* of the attempts */
    size_t num_started;                   /* attempts */
    size_t num_running;                   /* attempts under way */
    bool postponed;     /* the next attempt: a full backlog, or no descriptor or memory */
    size_t num_handles; /* poll handles not yet closed */
    uint64_t next_ms;   /* when the next attempt may start */
    bool starting;      /* inside dial_start(): no callback */
    bool abandoned;     /* by its owner; the last close callback frees it */
    void (*on_change)(void *arg);
    void *arg;
    struct dial_attempt attempts[RESOLVER_ADDRESSES_MAX]; /* one per address */
};

static void dial_on_closed(uv_handle_t *handle)
{
    struct dial_attempt *attempt = handle->data;
    struct dial *dial = attempt->dial;

    dial->num_handles--;
    if (dial->abandoned && dial->num_handles == 0) {
        free(dial);
    }
}

/* Ends the watching of an attempt and hands its descriptor to the caller. */
static int dial_detach(struct dial_attempt *attempt)
{
    int fd = attempt->fd;

    attempt->fd = -1;
    attempt->dial->num_running--;
    uv_close((uv_handle_t *)&attempt->poll, dial_on_closed);
    return fd;
}

static void dial_end(struct dial *dial, enum dial_state state)
{
    for (size_t i = 0; i < RESOLVER_ADDRESSES_MAX; i++) {
        if (dial->attempts[i].fd >= 0) {
            sockets_reset(dial_detach(&dial->attempts[i])); /* it may have connected meanwhile */
        }
    }
    dial->state = state;
}

static void dial_notify(const struct dial *dial)
{
    if (!dial->starting && !dial->abandoned) {
        dial->on_change(dial->arg);
    }
}

static void dial_go_on(struct dial *dial);

/* What came of an attempt that is writable or has failed: an errno value, 0: connected. */
static int dial_outcome(int fd)
{
    int error = sockets_error(fd);

    return error == 0 && sockets_is_own_peer(fd) ? ECONNREFUSED : error;
}

/* Takes `fd`, of which this has come; false: it failed. */
static bool dial_conclude(struct dial *dial, size_t i, int fd, int error)
{
    if (error != 0) {
        dial->error = error;
        sockets_reset(fd);
        return false;
    }
    dial->fd = fd;
    dial->winner = i;
    dial_end(dial, DIAL_CONNECTED);
    return true;
}

static void dial_on_poll(uv_poll_t *poll, int status, int events)
{
    struct dial_attempt *attempt = poll->data;
    struct dial *dial = attempt->dial;
    int error = dial_outcome(attempt->fd);

    if (error == 0 && status < 0) {
        error = ECONNREFUSED;
    }
    if (!dial_conclude(dial, (size_t)(attempt - dial->attempts), dial_detach(attempt), error)) {
        dial->next_ms = uv_now(dial->loop);
        dial_go_on(dial);
    }
    if (dial->state != DIAL_CONNECTING) {
        dial_notify(dial);
    }
}

static bool dial_is_decided(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 0) > 0;
}

/* False if the attempt failed at once. */
static bool dial_try(struct dial *dial, size_t i)
{
    struct dial_attempt *attempt = &dial->attempts[i];
    struct sockets_address reached = sockets_reached(&dial->answer.addresses[i]);
    int rc = 0;
    int fd = -1;

    if (sockets_same_place(&reached, &dial->own)) {
        dial->error = ELOOP;
        return false;
    }
    fd = sockets_connect(&dial->answer.addresses[i]);
    if (fd < 0) {
        dial->error = errno;
        return false;
    }
    if (dial_is_decided(fd)) { /* on this machine nobody is waited for: ten calls spared */
        return dial_conclude(dial, i, fd, dial_outcome(fd));
    }
    rc = uv_poll_init(dial->loop, &attempt->poll, fd);
    if (rc != 0) {
        dial->error = -rc;
        close(fd);
        return false;
    }
    attempt->dial = dial;
    attempt->poll.data = attempt;
    attempt->fd = fd;
    dial->num_handles++;
    dial->num_running++;
    uv_poll_start(&attempt->poll, UV_WRITABLE, dial_on_poll);
    return true;
}

/* True for what passes: a unix socket's full backlog, and what this process has too few of. */
static bool dial_may_retry(int error)
{
    return error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOMEM ||
           error == ENOBUFS;
}

/* Starts the attempts that are due. */
static void dial_go_on(struct dial *dial)
{
    uint64_t now = uv_now(dial->loop);

    dial->postponed = false;
    while (dial->state == DIAL_CONNECTING && !dial->postponed &&
           dial->num_started < dial->answer.num_addresses &&
           (dial->num_running == 0 || now >= dial->next_ms)) {
        if (dial_try(dial, dial->order[dial->num_started])) {
            dial->next_ms = now + DIAL_HEAD_START_MS;
        } else {
            dial->postponed = dial_may_retry(dial->error);
        }
        dial->num_started += dial->postponed ? 0 : 1;
    }
    if (dial->state == DIAL_CONNECTING && dial->num_running == 0 && !dial->postponed) {
        dial_end(dial, DIAL_FAILED);
    }
}

/* IPv6 and IPv4 in turn; the answer has all IPv6 addresses first. */
static void dial_set_order(struct dial *dial)
{
    const struct resolver_answer *answer = &dial->answer;
    size_t begin4 = 0;
    size_t num = 0;

    while (begin4 < answer->num_addresses &&
           answer->addresses[begin4].u.any.sa_family == AF_INET6) {
        begin4++;
    }
    for (size_t i = 0; num < answer->num_addresses; i++) {
        if (i < begin4) {
            dial->order[num++] = i;
        }
        if (begin4 + i < answer->num_addresses) {
            dial->order[num++] = begin4 + i;
        }
    }
}

static void dial_on_answer(struct resolver_waiter *waiter, const struct resolver_answer *answer)
{
    struct dial *dial = (struct dial *)(void *)((char *)waiter - offsetof(struct dial, waiter));

    dial->answer = *answer;
    dial_set_order(dial);
    dial->state = DIAL_CONNECTING;
    dial_go_on(dial);
    dial_notify(dial);
}

struct dial *dial_start(uv_loop_t *loop, struct resolver *resolver, size_t name,
                        const struct sockets_address *own, void (*on_change)(void *arg), void *arg)
{
    struct dial *dial = calloc(1, sizeof(*dial));

    if (dial == NULL) {
        return NULL;
    }
    dial->loop = loop;
    dial->fd = -1;
    if (own != NULL) {
        dial->own = *own;
    }
    dial->on_change = on_change;
    dial->arg = arg;
    dial->starting = true;
    for (size_t i = 0; i < RESOLVER_ADDRESSES_MAX; i++) {
        dial->attempts[i].fd = -1;
    }
    dial->waiter.on_done = dial_on_answer;
    resolver_ask(resolver, name, &dial->waiter);
    dial->starting = false;
    return dial;
}

enum dial_state dial_state(const struct dial *dial)
{
    return dial->state;
}

int dial_error(const struct dial *dial)
{
    return dial->error;
}

int dial_take_fd(struct dial *dial, struct sockets_address *out_address)
{
    int fd = dial->fd;

    assert(dial->state == DIAL_CONNECTED && fd >= 0);
    dial->fd = -1;
    *out_address = dial->answer.addresses[dial->winner];
    return fd;
}

void dial_tick(struct dial *dial)
{
    if (dial->state != DIAL_CONNECTING) {
        return;
    }
    dial_go_on(dial);
    if (dial->state != DIAL_CONNECTING) {
        dial_notify(dial);
    }
}

void dial_free(struct dial *dial)
{
    if (dial == NULL) {
        return;
    }
    resolver_cancel(&dial->waiter);
    dial_end(dial, DIAL_FAILED);
    if (dial->fd >= 0) {
        sockets_reset(dial->fd);
    }
    dial->abandoned = true;
    if (dial->num_handles == 0) {
        free(dial);
    }
}
