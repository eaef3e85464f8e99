/*
 * Entrance: a listening socket that the process has once, whatever the number of its loops: a unix
 * or vsock socket.  The loops accept from descriptors of their own for it.
 *
 * A unix socket's file is made here and removed at the end.  One that a process left behind which
 * is no more is replaced; one where somebody listens, and anything that is no socket, is not.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;

struct entrance {
    struct sockets_address address; /* as bound */
    int fd;                         /* -1: closed */
    bool made_file;                 /* to be removed at the end */
};

/* Makes the unix or vsock socket `address`; `mode` is the file's.  On failure `entrance` is closed.
 */
MUST_CHECK int entrance_bind(struct entrance *entrance, const struct sockets_address *address,
                             mode_t mode, struct err *err);

/* Another descriptor for the same socket, or -1 with errno. */
int entrance_dup(const struct entrance *entrance);

/* Closes the descriptor, so that nobody connects once those that entrance_dup() gave are closed. */
void entrance_leave(struct entrance *entrance);

/* The same, and removes the file unless somebody else listens there by now: after the descriptors
   that entrance_dup() gave are closed.  Blocks for the file. */
void entrance_close(struct entrance *entrance);
