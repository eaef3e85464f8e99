/*
 * Generation: an immutable, reference-counted snapshot of everything a connection is judged by:
 * our identity, the trust anchors, the deny list and the peer rules of every route.
 *
 * Built on the control thread, all or nothing, and handed to the workers.  A connection holds one
 * until its handshake is over, and the tenure of its identity to the end.  Generations with the
 * same identity share their TLS contexts.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/compiler.h"
#include "proxy/authz.h"

struct deny;
struct err;
struct identity;
struct peer_cache;
struct tenure;
struct tenures;
struct generation; /* opaque */

#define GENERATION_ROUTES_MAX 128

/* One [ingress NAME] or [egress NAME] as far as authorization goes; copied. */
struct generation_route {
    const char *name; /* NULL: the place is empty, and nothing else is set */
    bool egress;
    const char *const *allow; /* names of peers; at least 1 */
    size_t num_allow;
    const char *alpn;         /* comma-separated, or NULL */
    OSSL_LIB_CTX *algorithms; /* NULL: all that OpenSSL has; borrowed, outlives the generation */
};

/* Rules, routes and what they point to are copied; identity and deny list are referenced.  Route i
   here is route i everywhere else. */
struct generation_options {
    uint64_t number;
    struct identity *identity; /* NULL: none yet */
    struct deny *deny;         /* whom no rule lets in; NULL: nobody */
    const struct authz_rule *rules;
    size_t num_rules;
    const struct generation_route *routes;
    size_t num_routes;
    atomic_size_t *num_live; /* counts it until it is freed; NULL: nobody does.  Borrowed */
    struct tenures *tenures; /* counts identities likewise; NULL: nobody does.  Borrowed */
    const struct generation *previous; /* whose contexts are used again if they fit; NULL: none.
                                          Borrowed for the call */
};

/* NULL on failure. */
struct generation *generation_new(const struct generation_options *options, struct err *err);
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation); /* accepts NULL */

uint64_t generation_number(const struct generation *generation);

/* True if there is an identity and it is valid at `now` (seconds, checked clock). */
bool generation_valid(const struct generation *generation, int64_t now);

/* Our leaf's notAfter, seconds since 1970; 0 without an identity. */
int64_t generation_not_after(const struct generation *generation);

/* The context for new connections of a route: modes, versions, groups, verify callback are set.
   Borrowed.  Only with an identity.  Others may have the same: it is not changed. */
SSL_CTX *generation_ctx(const struct generation *generation, size_t route);

/* Has the peer of `ssl`, which is of that context, judged by the rules of the route: see
   judge_attach(), with the generation in the place of the judge. */
MUST_CHECK bool generation_attach(const struct generation *generation, size_t route, SSL *ssl,
                                  struct peer_cache *cache);

/* In which its identity is ours.  Borrowed. */
struct tenure *generation_tenure(const struct generation *generation);

/* Trust anchors, deny list and peer rules once more, for live connections after a change: NULL if
   `peer` is no longer welcome on `route`. */
const struct authz_rule *generation_allows(const struct generation *generation, size_t route,
                                           const struct svid *peer);

/* False for an empty place. */
bool generation_serves(const struct generation *generation, size_t route);

/* Seconds since 1970 by the checked clock, which knows what the CA has told of ours. */
int64_t generation_now(const struct generation *generation);
