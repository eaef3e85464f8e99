/*
 * Party: a generation of the sidecar for one side of a handshake in memory.
 */
#pragma once

#include <stdbool.h>

#include "proxy/generation.h"

struct identity;
struct pair;
struct peer_cache;

/* Fails the test if it cannot be made. */
struct generation *party_new(const struct generation_options *options);

/* One route, which lets in `admitted` under the rule "friend"; `alpn` may be NULL.  Takes
   `identity`. */
struct generation *party(struct identity *identity, bool egress, const char *admitted,
                         const char *alpn);

/* As pair_new(), with each side judging the other; the server remembers peers in `cache` (may be
   NULL).  As pair_shake(), likewise; with a client that is no party. */
struct pair *party_pair(const struct generation *client, const struct generation *server,
                        struct peer_cache *cache);
struct pair *party_shake(const struct generation *client, const struct generation *server);
struct pair *party_shake_with(SSL_CTX *client, const struct generation *server);
