/*
 * Redirection: connections that the kernel's packet filter has turned to our listener: where they
 * wanted to go, and which of these places a route stands for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;

#define REDIRECTION_ORIGINALS_MAX 16

/* What a route stands in for; all of one family, none on loopback. */
struct redirection {
    struct sockets_address originals[REDIRECTION_ORIGINALS_MAX];
    size_t num_originals; /* 0: the route takes connections made to it alone */
};

/* Where the accepted `fd` wanted to go (SO_ORIGINAL_DST).  -1: ERR_DENIED if nobody turned it to
   us: it was made to our own address, which could go round in a loop. */
MUST_CHECK int redirection_find(int fd, struct sockets_address *out, struct err *err);

/* True if the route stands in for that address. */
bool redirection_holds(const struct redirection *redirection,
                       const struct sockets_address *original);
