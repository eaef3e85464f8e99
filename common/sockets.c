/*
 * Sockets: making, binding and accepting descriptors.  Addresses as text are sockets_address.c.
 */
#include "common/sockets.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"

#define SOCKETS_KEEPALIVE_IDLE_S 30
#define SOCKETS_KEEPALIVE_INTERVAL_S 10
#define SOCKETS_KEEPALIVE_PROBES 3
#define SOCKETS_NOTSENT_LOWAT (64 * 1024)
#define SOCKETS_DEFER_ACCEPT_S 10

static bool sockets_set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool sockets_prepare(int fd, const struct sockets_address *address,
                            const struct sockets_listen_options *options)
{
    if (!sockets_is_ip(address)) {
        return true;
    }
    return sockets_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           (sockets_family(address) != AF_INET6 || sockets_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
           (!options->transparent || sockets_set(fd, SOL_IP, IP_TRANSPARENT, 1)) &&
           (!options->transparent || sockets_family(address) != AF_INET6 ||
            sockets_set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)) &&
           (!options->reuse_port || sockets_set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
           (!options->defer_accept ||
            sockets_set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, SOCKETS_DEFER_ACCEPT_S));
}

/* A unix socket's file has the bits that the umask leaves it, from its first moment on.  No
   chmod(): a process in a sandbox has none. */
static int sockets_bind(int fd, const struct sockets_address *address, mode_t mode)
{
    mode_t before = umask(~mode & 0777);
    int rc = bind(fd, &address->u.any, address->len);

    umask(before);
    return rc;
}

static bool sockets_open(int fd, const struct sockets_address *address,
                         const struct sockets_listen_options *options)
{
    const char *path =
        sockets_family(address) == AF_UNIX ? address->u.local.sun_path : NULL; /* made by bind() */
    struct sockets_address wanted = *address;
    int error = 0;

    if (sockets_family(address) == AF_VSOCK && wanted.u.vm.svm_port == 0) {
        wanted.u.vm.svm_port = VMADDR_PORT_ANY;
    }
    if (sockets_bind(fd, &wanted, options->mode) != 0) {
        return false;
    }
    if (options->bind_only || listen(fd, options->backlog) == 0) {
        return true;
    }
    error = errno;
    if (path != NULL) {
        (void)unlink(path);
    }
    errno = error;
    return false;
}

int sockets_listen(const struct sockets_address *address,
                   const struct sockets_listen_options *options, struct err *err)
{
    char text[SOCKETS_TEXT_CAP] = "";
    int fd = socket(sockets_family(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    sockets_format(address, text);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "socket for %s", text);
    }
    if (!sockets_prepare(fd, address, options) || !sockets_open(fd, address, options)) {
        err_set_errno(err, ERR_IO, errno, "listen on %s", text);
        close(fd);
        return -1;
    }
    return fd;
}

bool sockets_is_taken(const struct sockets_address *address)
{
    int fd = socket(sockets_family(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = false;

    if (fd < 0) {
        return false;
    }
    taken =
        sockets_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
        (sockets_family(address) != AF_INET6 || sockets_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
        bind(fd, &address->u.any, address->len) != 0 && errno == EADDRINUSE;
    close(fd);
    return taken;
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

/* Without a loopback the kernel sends what is for CID 1 to the host.  Binding to it tells. */
static bool sockets_stays_here(int fd, const struct sockets_address *address)
{
    const struct sockaddr_vm here = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY};

    return sockets_family(address) != AF_VSOCK || address->u.vm.svm_cid != VMADDR_CID_LOCAL ||
           bind(fd, (const struct sockaddr *)&here, sizeof(here)) == 0;
}

int sockets_connect(const struct sockets_address *address)
{
    int fd = socket(sockets_family(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0) {
        return -1;
    }
    if (sockets_stays_here(fd, address) &&
        (connect(fd, &address->u.any, address->len) == 0 || errno == EINPROGRESS)) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

void sockets_tune(int fd, uint64_t user_timeout_ms)
{
    /* Each of these makes the connection better and none is needed for it to be right. */
    (void)sockets_set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
    if (!sockets_set(fd, IPPROTO_TCP, TCP_NODELAY, 1)) {
        return; /* a unix or vsock socket, for which the others mean nothing either */
    }
    (void)sockets_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, SOCKETS_KEEPALIVE_IDLE_S);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, SOCKETS_KEEPALIVE_INTERVAL_S);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_KEEPCNT, SOCKETS_KEEPALIVE_PROBES);
    (void)sockets_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCKETS_NOTSENT_LOWAT);
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

bool sockets_is_own_peer(int fd)
{
    struct sockets_address near = {.len = sizeof(near.u)};
    struct sockets_address far = {.len = sizeof(far.u)};

    return getsockname(fd, &near.u.any, &near.len) == 0 &&
           getpeername(fd, &far.u.any, &far.len) == 0 && sockets_is_ip(&near) &&
           sockets_same_place(&near, &far);
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
