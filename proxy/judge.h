/*
 * Judge: decides in a handshake whether a peer is let in: path and profile of its certificate, then
 * the deny list, which always wins, then the rules of the route.  Again, with no more of the path
 * than its anchor, for live connections.
 *
 * Dials nothing and answers nobody: the verdict goes to OpenSSL, which sends the alert.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/compiler.h"

struct authz_rule;
struct deny;
struct identity;
struct peer_cache;
struct svid;

/* What the peers of a route are judged by.  All borrowed. */
struct judge {
    uint64_t number; /* of the generation */
    bool egress;     /* the peer is a server */
    const struct identity *identity;
    const struct deny *deny; /* NULL: nobody */
    const struct authz_rule *const *rules;
    size_t num_rules;
};

/* Once before anything else; false: OpenSSL has no place for data of ours on an SSL. */
bool judge_prepare(void);

/* Every handshake of `ctx` asks the judge that was set for it; without one nobody is let in. */
void judge_install(SSL_CTX *ctx);

/* The handshake of `ssl` is to be judged by `judge`, which looks up peers in `cache` (NULL: there
   is none) and puts them there; both must stay until judge_release() or the end of `ssl`.  False:
   out of memory. */
MUST_CHECK bool judge_attach(SSL *ssl, const struct judge *judge, struct peer_cache *cache);

/* The handshake is over: judge and rules may go.  judge_peer() has been asked. */
void judge_release(SSL *ssl);

/* Who the peer of a finished handshake is: filled by the verify callback, borrowed from `ssl`.
   NULL before the callback accepted it.  `out_rule` is the rule that let it in; NULL once the judge
   is released. */
const struct svid *judge_peer(SSL *ssl, const struct authz_rule **out_rule);

/* Why the callback refused the peer, for the log: borrowed from `ssl`, NULL if it did not. */
const char *judge_refusal(SSL *ssl);

/* What did not let in a peer whose certificate verified: "deny list", or the key of the rule that
   came closest, as authz_decide() says; static text.  NULL: that is not why it was refused. */
const char *judge_denial(SSL *ssl);

/* Trust in the peer's anchor, deny list and rules once more, for live connections after a change:
   NULL if `peer`, once verified, is no longer welcome. */
const struct authz_rule *judge_again(const struct judge *judge, const struct svid *peer);

/* Seconds since 1970 by the checked clock of `identity`, or by the wall clock if that is NULL. */
int64_t judge_now(const struct identity *identity);
