/*
 * Sock_diag: asks the kernel who owns the other end of a TCP connection within this machine
 * (NETLINK_SOCK_DIAG, sock_diag(7)).
 *
 * One question, one answer, at once and without privilege: the kernel answers inside of send().
 * Only sockets of our own network namespace are found.
 */
#pragma once

#include <stdint.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;

struct sock_diag_owner {
    uint32_t uid;   /* as this user namespace sees it; 65534: foreign to it */
    uint32_t inode; /* "socket:[N]" in /proc/PID/fd */
};

/* Who owns the socket that is at `local` and connected to `remote`, both as that socket sees them.
   -1: ERR_DENIED if there is no such socket, or no process holds it any more; ERR_IO if the kernel
   cannot be asked. */
MUST_CHECK int sock_diag_find(const struct sockets_address *local,
                              const struct sockets_address *remote, struct sock_diag_owner *out,
                              struct err *err);

/* True if the kernel answers for a connection of our own: 0, or -1 and what is missing. */
MUST_CHECK int sock_diag_probe(struct err *err);
