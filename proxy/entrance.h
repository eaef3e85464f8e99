/*
 * Entrance: a listening socket that the process has once, whatever the number of its loops: a unix
 * or vsock socket, or one that the service manager has made and keeps.  The loops accept from
 * descriptors of their own for it.
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
    bool outlives_us;               /* whoever waits in its queue is the next process's */
};

struct entrance_options {
    const char *handed_over;        /* the name of one that activation.h finds; NULL: make one */
    struct sockets_address address; /* unix or vsock, to make */
    mode_t mode;                    /* of the file of a unix socket that is made */
    bool local_only;                /* refuse one that other machines can connect to */
    bool resets_only;               /* refuse one that cannot carry a reset */
};

/* Makes or takes over the socket.  On failure `entrance` is closed.  Blocks for the file. */
MUST_CHECK int entrance_open(struct entrance *entrance, const struct entrance_options *options,
                             struct err *err);

/* Another descriptor for the same socket, or -1 with errno. */
int entrance_dup(const struct entrance *entrance);

/* Closes the descriptor, so that nobody connects once those that entrance_dup() gave are closed. */
void entrance_leave(struct entrance *entrance);

/* The same, and removes the file unless somebody else listens there by now: after the descriptors
   that entrance_dup() gave are closed.  Blocks for the file. */
void entrance_close(struct entrance *entrance);
