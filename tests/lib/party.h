/*
 * Party: a generation of the sidecar for one side of a handshake in memory.
 */
#pragma once

#include <stdbool.h>

#include "proxy/generation.h"

struct identity;

/* Fails the test if it cannot be made. */
struct generation *party_new(const struct generation_options *options);

/* One route, which lets in `admitted` under the rule "friend"; `alpn` may be NULL.  Takes
   `identity`. */
struct generation *party(struct identity *identity, bool egress, const char *admitted,
                         const char *alpn);
