/*
 * Judge: the callback in which a peer is judged, and what it leaves on the connection.
 *
 * The callback runs before the peer has proved that the key is its own: what it notes is worth
 * something only once the handshake has returned success.
 */
#include "proxy/judge.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/svid.h"
#include "proxy/authz.h"
#include "proxy/deny.h"
#include "proxy/peer_cache.h"

/* What the callback leaves on a connection. */
struct judgement {
    struct svid svid;
    bool accepted;
    const struct authz_rule *rule; /* that did */
    const char *denial;            /* the part of deny list or rules; NULL: none of theirs */
    char *refusal;                 /* why; NULL if memory was out for it */
};

static void free_judgement(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long argl,
                           void *argp)
{
    struct judgement *judgement = data;

    if (judgement != NULL) {
        svid_deinit(&judgement->svid);
        free(judgement->refusal);
        free(judgement);
    }
}

static CRYPTO_ONCE index_once = CRYPTO_ONCE_STATIC_INIT;
static int judgement_index = -1;
static int judge_index = -1;
static int cache_index = -1;

static void make_index(void)
{
    judgement_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_judgement);
    judge_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    cache_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

bool judge_prepare(void)
{
    return CRYPTO_THREAD_run_once(&index_once, make_index) == 1 && judgement_index >= 0 &&
           judge_index >= 0 && cache_index >= 0;
}

/* Who the leaf is of: its path is validated, unless the worker remembers that it was. */
static int judge_path(const struct judge *judge, X509_STORE_CTX *store, struct svid *out_svid,
                      struct err *err)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct peer_cache *cache = SSL_get_ex_data(ssl, cache_index);
    struct peer_key key = {.generation = judge->number,
                           .role = judge->egress ? SVID_SERVER : SVID_CLIENT};
    int64_t now = judge_now(judge->identity);
    const struct svid *known = NULL;

    if (cache != NULL &&
        X509_digest(X509_STORE_CTX_get0_cert(store), EVP_sha256(), key.sha256, NULL) != 1) {
        cache = NULL;
    }
    known = cache != NULL ? peer_cache_find(cache, &key, now) : NULL;
    if (known != NULL && svid_copy(known, out_svid)) {
        return 0;
    }
    if (svid_verify(store, key.role, identity_trust_domain(judge->identity), now, out_svid, err) !=
        0) {
        return -1;
    }
    if (cache != NULL) {
        peer_cache_put(cache, &key, out_svid);
    }
    return 0;
}

static bool refuse(struct judgement *judgement, X509_STORE_CTX *store, int error, const char *why,
                   const char *what)
{
    struct err denied;

    err_set(&denied, ERR_DENIED, "%s %.*s: %s", why, 160, judgement->svid.spiffe, what);
    judgement->refusal = strdup(denied.msg);
    judgement->denial = error == X509_V_ERR_CERT_REVOKED ? "deny list" : what;
    X509_STORE_CTX_set_error(store, error);
    return false;
}

/* The verdict on a verified peer; the error becomes the alert (spec/traps.md 1.6).  The deny list
   comes first: no rule makes up for it. */
static bool judge_all(const struct judge *judge, X509_STORE_CTX *store, struct judgement *judgement)
{
    const char *reason = NULL;
    const char *kind = NULL;
    struct err err;

    if (judge_path(judge, store, &judgement->svid, &err) != 0) {
        judgement->refusal = strdup(err.msg);
        return false;
    }
    kind = deny_find(judge->deny, &judgement->svid);
    if (kind != NULL) {
        return refuse(judgement, store, X509_V_ERR_CERT_REVOKED, "the deny list names", kind);
    }
    judgement->rule = authz_decide(judge->rules, judge->num_rules, &judgement->svid, &reason);
    if (judgement->rule == NULL) {
        return refuse(judgement, store, X509_V_ERR_CERT_REJECTED, "no rule admits", reason);
    }
    judgement->accepted = true;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return true;
}

static int on_verify(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct judge *judge = SSL_get_ex_data(ssl, judge_index);
    struct judgement *judgement = NULL;

    if (judge == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    judgement = calloc(1, sizeof(*judgement));
    if (judgement == NULL || SSL_get_ex_data(ssl, judgement_index) != NULL ||
        SSL_set_ex_data(ssl, judgement_index, judgement) != 1) {
        free(judgement);
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    return judge_all(judge, store, judgement) ? 1 : 0;
}

void judge_install(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
}

bool judge_attach(SSL *ssl, const struct judge *judge, struct peer_cache *cache)
{
    if (cache != NULL) {
        (void)SSL_set_ex_data(ssl, cache_index, cache); /* out of memory: then without it */
    }
    return SSL_set_ex_data(ssl, judge_index, (void *)(uintptr_t)judge) == 1;
}

void judge_release(SSL *ssl)
{
    struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    (void)SSL_set_ex_data(ssl, judge_index, NULL); /* its place is there */
    if (judgement != NULL) {
        judgement->rule = NULL;
    }
}

const struct svid *judge_peer(SSL *ssl, const struct authz_rule **out_rule)
{
    const struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    if (judgement == NULL || !judgement->accepted) {
        return NULL;
    }
    *out_rule = judgement->rule;
    return &judgement->svid;
}

const char *judge_refusal(SSL *ssl)
{
    const struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    return judgement == NULL || judgement->accepted ? NULL : judgement->refusal;
}

const char *judge_denial(SSL *ssl)
{
    const struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    return judgement != NULL ? judgement->denial : NULL;
}

const struct authz_rule *judge_again(const struct judge *judge, const struct svid *peer)
{
    const char *reason = NULL;

    if (judge->identity == NULL || !identity_has_anchor(judge->identity, peer->anchor_sha256) ||
        deny_find(judge->deny, peer) != NULL) {
        return NULL;
    }
    return authz_decide(judge->rules, judge->num_rules, peer, &reason);
}

int64_t judge_now(const struct identity *identity)
{
    const struct checked_clock unchecked = {0};

    return checked_clock_now(identity != NULL ? identity_clock(identity) : &unchecked) / 1000;
}
