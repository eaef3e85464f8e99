/*
 * Caller: the process of this machine that connects to an egress, and who of them may.
 *
 * The user is the boundary: the kernel says who owns the other end of a loopback connection or of a
 * unix socket.  Addresses say nothing about it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;

#define CALLER_UIDS_MAX 16

struct caller_rules {
    uint32_t uids[CALLER_UIDS_MAX];
    size_t num_uids; /* 0: any process of this machine may */
};

/* Who is at the other end of `fd`, accepted from `source`, which connected to `destination`.
   -1: ERR_DENIED if nobody is any more, ERR_IO if the kernel does not say. */
MUST_CHECK int caller_find(int fd, const struct sockets_address *source,
                           const struct sockets_address *destination, uint32_t *out_uid,
                           struct err *err);

/* True if the rules list `uid`. */
bool caller_is_listed(const struct caller_rules *rules, uint32_t uid);
