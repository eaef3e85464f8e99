/*
 * Sockets: parsing and formatting of numeric addresses; making, binding and accepting descriptors.
 */
#include "common/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/err.h"

#define SOCKETS_KEEPALIVE_IDLE_S 30
#define SOCKETS_KEEPALIVE_INTERVAL_S 10
#define SOCKETS_KEEPALIVE_PROBES 3
#define SOCKETS_NOTSENT_LOWAT (64 * 1024)
#define SOCKETS_DEFER_ACCEPT_S 10

static int sockets_parse_port(const char *text, uint16_t *out_port, struct err *err)
{
    unsigned long port = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 5 || strspn(text, "0123456789") != len) {
        return err_set(err, ERR_INVALID, "need a port from 0 to 65535");
    }
    port = strtoul(text, NULL, 10);
    if (port > UINT16_MAX) {
        return err_set(err, ERR_INVALID, "need a port from 0 to 65535");
    }
    *out_port = (uint16_t)port;
    return 0;
}

int sockets_split(const char *text, char *out_host, uint16_t *out_port, struct err *err)
{
    const char *host = text;
    const char *colon = NULL;
    size_t host_len = 0;
    uint16_t port = 0;

    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        if (end == NULL || end[1] != ':') {
            return err_set(err, ERR_INVALID, "need [address]:port");
        }
        host = text + 1;
        host_len = (size_t)(end - host);
        colon = end + 1;
    } else {
        colon = strchr(text, ':');
        if (colon == NULL || strchr(colon + 1, ':') != NULL) {
            return err_set(err, ERR_INVALID, "need host:port (an IPv6 address in brackets)");
        }
        host_len = (size_t)(colon - text);
    }
    if (host_len == 0 || host_len >= SOCKETS_HOST_CAP) {
        return err_set(err, ERR_INVALID, "need a host of 1 to %d bytes", SOCKETS_HOST_CAP - 1);
    }
    if (sockets_parse_port(colon + 1, &port, err) != 0) {
        return -1;
    }
    memcpy(out_host, host, host_len);
    out_host[host_len] = '\0';
    *out_port = port;
    return 0;
}

int sockets_parse(const char *text, struct sockets_address *out, struct err *err)
{
    struct sockets_address address = {.len = 0};
    char host[SOCKETS_HOST_CAP] = "";
    char *scope = NULL;
    uint16_t port = 0;

    if (sockets_split(text, host, &port, err) != 0) {
        return -1;
    }
    if (text[0] != '[') {
        address.u.v4.sin_family = AF_INET;
        address.u.v4.sin_port = htons(port);
        address.len = sizeof(address.u.v4);
        if (inet_pton(AF_INET, host, &address.u.v4.sin_addr) != 1) {
            return err_set(err, ERR_INVALID, "need a numeric address");
        }
        *out = address;
        return 0;
    }
    scope = strchr(host, '%');
    if (scope != NULL) {
        *scope = '\0';
        address.u.v6.sin6_scope_id = if_nametoindex(scope + 1);
        if (address.u.v6.sin6_scope_id == 0) {
            return err_set(err, ERR_INVALID, "no such interface in the address");
        }
    }
    address.u.v6.sin6_family = AF_INET6;
    address.u.v6.sin6_port = htons(port);
    address.len = sizeof(address.u.v6);
    if (inet_pton(AF_INET6, host, &address.u.v6.sin6_addr) != 1) {
        return err_set(err, ERR_INVALID, "need a numeric IPv6 address in the brackets");
    }
    *out = address;
    return 0;
}

void sockets_format(const struct sockets_address *address, char out[static SOCKETS_TEXT_CAP])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->len == 0) {
        (void)snprintf(out, SOCKETS_TEXT_CAP, "-");
    } else if (address->u.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &address->u.v4.sin_addr, host, sizeof(host));
        (void)snprintf(out, SOCKETS_TEXT_CAP, "%s:%u", host, (unsigned)sockets_port(address));
    } else {
        (void)inet_ntop(AF_INET6, &address->u.v6.sin6_addr, host, sizeof(host));
        (void)snprintf(out, SOCKETS_TEXT_CAP, "[%s]:%u", host, (unsigned)sockets_port(address));
    }
}

bool sockets_is_loopback(const struct sockets_address *address)
{
    if (address->len == 0) {
        return false;
    }
    if (address->u.any.sa_family == AF_INET) {
        return (ntohl(address->u.v4.sin_addr.s_addr) >> 24) == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&address->u.v6.sin6_addr) != 0;
}

uint16_t sockets_port(const struct sockets_address *address)
{
    if (address->len == 0) {
        return 0;
    }
    return ntohs(address->u.any.sa_family == AF_INET ? address->u.v4.sin_port
                                                     : address->u.v6.sin6_port);
}

void sockets_set_port(struct sockets_address *address, uint16_t port)
{
    if (address->u.any.sa_family == AF_INET) {
        address->u.v4.sin_port = htons(port);
    } else {
        address->u.v6.sin6_port = htons(port);
    }
}

static bool sockets_set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

int sockets_listen(const struct sockets_address *address,
                   const struct sockets_listen_options *options, struct err *err)
{
    char text[SOCKETS_TEXT_CAP] = "";
    bool v6 = address->u.any.sa_family == AF_INET6;
    int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    sockets_format(address, text);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "socket for %s", text);
    }
    if (!sockets_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
        (v6 && !sockets_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
        (options->reuse_port && !sockets_set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        (options->defer_accept &&
         !sockets_set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, SOCKETS_DEFER_ACCEPT_S)) ||
        bind(fd, &address->u.any, address->len) != 0 || listen(fd, options->backlog) != 0) {
        err_set_errno(err, ERR_IO, errno, "listen on %s", text);
        close(fd);
        return -1;
    }
    return fd;
}

int sockets_bound(int fd, struct sockets_address *out, struct err *err)
{
    struct sockets_address address = {.len = sizeof(address.u)};

    if (getsockname(fd, &address.u.any, &address.len) != 0) {
        return err_set_errno(err, ERR_IO, errno, "getsockname");
    }
    *out = address;
    return 0;
}

int sockets_accept(int fd, struct sockets_address *out_peer)
{
    struct sockets_address peer = {.len = sizeof(peer.u)};
    int accepted = accept4(fd, &peer.u.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (accepted >= 0) {
        *out_peer = peer;
    }
    return accepted;
}

int sockets_connect(const struct sockets_address *address)
{
    int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, &address->u.any, address->len) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

void sockets_tune(int fd, unsigned user_timeout_ms)
{
    /* Each of these makes the connection better and none is needed for it to be right. */
    (void)sockets_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    (void)sockets_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, SOCKETS_KEEPALIVE_IDLE_S);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, SOCKETS_KEEPALIVE_INTERVAL_S);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_KEEPCNT, SOCKETS_KEEPALIVE_PROBES);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCKETS_NOTSENT_LOWAT);
    (void)sockets_set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
    if (user_timeout_ms > 0) {
        int timeout = user_timeout_ms < INT_MAX ? (int)user_timeout_ms : INT_MAX;

        (void)sockets_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout);
    }
}

int sockets_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

void sockets_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

size_t sockets_raise_nofile(void)
{
    struct rlimit limit = {.rlim_cur = 0};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t soft = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            return (size_t)soft;
        }
    }
    return (size_t)limit.rlim_cur;
}
