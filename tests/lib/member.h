/*
 * Member: an identity made in memory, for tests of the programs' own side of a handshake.
 */
#pragma once

#include <stdint.h>

struct identity;
struct pki;

struct member {
    const struct pki *issuer;
    const struct pki *anchors; /* of its peers; NULL: the issuer */
    const char *uri;
    int64_t seconds; /* life from now on */
    int64_t clock_offset_ms;
};

/* The caller's. */
struct identity *member_identity(const struct member *member);
