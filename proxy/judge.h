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

struct authz_rule;
struct deny;
struct identity;
struct peer_cache;
struct svid;

/* What the peers of a route are judged by.  All borrowed; it and they outlive the context and its
   connections. */
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

/* Every handshake of `ctx` asks `judge`. */
void judge_install(struct judge *judge, SSL_CTX *ctx);

/* Has the callback look up peers in `cache`, and put them there; borrowed, must outlive `ssl`. */
void judge_remember(SSL *ssl, struct peer_cache *cache);

/* Who the peer of a finished handshake is: filled by the verify callback, borrowed from `ssl`.
   NULL before the callback accepted it.  `out_rule` is the rule that let it in. */
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
