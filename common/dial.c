/*
 * Dial: getaddrinfo, then one address after the other.
 */
#include "common/dial.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sockets.h"

#define USER_TIMEOUT_MS 30000

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct deadline deadline_in(unsigned timeout_ms, const _Atomic bool *cancelled)
{
    return (struct deadline){.end_ms = now_ms() + timeout_ms, .cancelled = cancelled};
}

static bool is_cancelled(const struct deadline *deadline)
{
    return deadline->cancelled != NULL &&
           atomic_load_explicit(deadline->cancelled, memory_order_relaxed);
}

int deadline_wait(const struct deadline *deadline, int fd, short events, struct err *err)
{
    for (;;) {
        struct pollfd pollfd = {.fd = fd, .events = events};
        uint64_t now = now_ms();
        uint64_t left_ms = deadline->end_ms > now ? deadline->end_ms - now : 0;
        int num = 0;

        if (is_cancelled(deadline)) {
            return err_set(err, ERR_TIMEOUT, "cancelled");
        }
        if (left_ms == 0) {
            return err_set(err, ERR_TIMEOUT, "no answer in time");
        }
        num = poll(&pollfd, 1, left_ms < DEADLINE_SLICE_MS ? (int)left_ms : DEADLINE_SLICE_MS);
        if (num > 0) {
            return 0;
        }
        if (num < 0 && errno != EINTR) {
            return err_set_errno(err, ERR_IO, errno, "poll");
        }
    }
}

/* One address; `deadline` is its own. */
static int try_address(const struct addrinfo *info, const struct deadline *deadline,
                       struct err *err)
{
    struct sockets_address address = {.len = info->ai_addrlen};
    char text[SOCKETS_TEXT_CAP];
    int fd = -1;
    int error = 0;

    memcpy(&address.u, info->ai_addr, info->ai_addrlen);
    sockets_format(&address, text);
    fd = sockets_connect(&address);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "%s", text);
    }
    if (deadline_wait(deadline, fd, POLLOUT, err) != 0) {
        err_wrap(err, "%s", text);
        goto out;
    }
    error = sockets_error(fd);
    if (error != 0) {
        err_set_errno(err, ERR_IO, error, "%s", text);
        goto out;
    }
    sockets_tune(fd, USER_TIMEOUT_MS);
    return fd;
out:
    close(fd);
    return -1;
}

static bool is_usable(const struct addrinfo *info)
{
    return (info->ai_family == AF_INET || info->ai_family == AF_INET6) &&
           info->ai_addrlen <= sizeof(struct sockaddr_in6);
}

int dial(const char *host, uint16_t port, const struct deadline *deadline, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    uint64_t num_left = 0;
    int fd = -1;
    int rc = 0;

    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        return err_set(err, ERR_IO, "%s: %s", host, gai_strerror(rc));
    }
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        num_left += is_usable(info) ? 1 : 0;
    }
    err_set(err, ERR_IO, "%s: no address", host);
    for (const struct addrinfo *info = list; info != NULL && fd < 0; info = info->ai_next) {
        struct deadline share = *deadline;
        uint64_t now = now_ms();

        if (!is_usable(info)) {
            continue;
        }
        if (deadline->end_ms > now) {
            share.end_ms = now + (deadline->end_ms - now) / num_left;
        }
        num_left--;
        fd = try_address(info, &share, err);
    }
    freeaddrinfo(list);
    return fd;
}
