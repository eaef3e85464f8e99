/*
 * Source: where a request comes from, as coarsely as one machine can be told from another: an IPv4
 * address, or the /64 of an IPv6 address, all of which one machine may have.
 *
 * Addresses behind one load balancer or translator are one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/sockets.h"

/* Comparable by its bytes.  Zero: nowhere in particular, which is one place as well. */
struct source {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d; of IPv6 the first 64 bits, zeros behind */
};

struct source source_of(const struct sockets_address *address);

bool source_is_v4(const struct source *source);
