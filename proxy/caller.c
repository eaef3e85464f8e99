/*
 * Caller: asks the kernel in the way that the kind of socket has.
 */
#include "proxy/caller.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/err.h"
#include "proxy/sock_diag.h"

/* As it was when it connected. */
static int caller_of_unix(int fd, uint32_t *out_uid, struct err *err)
{
    struct ucred caller = {.uid = UINT32_MAX};
    socklen_t len = sizeof(caller);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &caller, &len) != 0) {
        return err_set_errno(err, ERR_IO, errno, "SO_PEERCRED");
    }
    if (len != sizeof(caller) || caller.uid == UINT32_MAX) {
        return err_set(err, ERR_DENIED, "nobody is at the other end");
    }
    *out_uid = caller.uid;
    return 0;
}

/* A caller that resets frees its port, which somebody else may have by the time of the question;
   then the connection itself is closed. */
static bool caller_is_connected(int fd)
{
    struct tcp_info info = {.tcpi_state = TCP_CLOSE};
    socklen_t len = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state != TCP_CLOSE;
}

int caller_find(int fd, const struct sockets_address *source,
                const struct sockets_address *destination, uint32_t *out_uid, struct err *err)
{
    struct sock_diag_owner owner = {0};

    if (!sockets_is_ip(source)) {
        return caller_of_unix(fd, out_uid, err);
    }
    if (sock_diag_find(source, destination, &owner, err) != 0) {
        return -1;
    }
    if (!caller_is_connected(fd)) {
        return err_set(err, ERR_DENIED, "the caller has gone");
    }
    *out_uid = owner.uid;
    return 0;
}

bool caller_is_listed(const struct caller_rules *rules, uint32_t uid)
{
    for (size_t i = 0; i < rules->num_uids; i++) {
        if (rules->uids[i] == uid) {
            return true;
        }
    }
    return false;
}
