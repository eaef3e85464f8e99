/*
 * Prefix: a network in CIDR form, and whether an address is in it.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;

struct prefix {
    struct in6_addr network; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;           /* of all 128 */
    bool is_v4;
};

/* Reads "10.1.0.0/16", "2001:db8::/32" or a single address.  At least one bit, and none set behind
   the prefix. */
MUST_CHECK int prefix_parse(const char *text, struct prefix *out, struct err *err);

/* Never true for what is no IP address; IPv4 is itself in the dress of IPv6. */
bool prefix_holds(const struct prefix *prefix, const struct sockets_address *address);
