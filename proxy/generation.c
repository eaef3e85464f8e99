/*
 * Generation: the snapshot, its contexts, and the callback in which a peer is judged.
 *
 * The callback runs before the peer has proved that the key is its own: what it notes is worth
 * something only once the handshake has returned success.
 */
#include "proxy/generation.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "proxy/context.h"
#include "proxy/deny.h"
#include "proxy/peer_cache.h"

/* One allocation of the snapshot; all are freed with it. */
struct piece {
    struct piece *next;
    max_align_t data[];
};

struct route {
    struct generation *generation; /* the one that holds this route */
    bool egress;
    const struct authz_rule **rules;
    size_t num_rules;
    SSL_CTX *ctx; /* NULL without an identity */
};

struct generation {
    atomic_size_t refs;
    uint64_t number;
    struct identity *identity; /* NULL: none yet */
    struct deny *deny;         /* NULL: nobody */
    struct piece *pieces;
    struct authz_rule *rules;
    size_t num_rules;
    struct route routes[GENERATION_ROUTES_MAX];
    size_t num_routes;
};

/* What the callback leaves on a connection. */
struct judgement {
    struct svid svid;
    const struct authz_rule *rule; /* NULL: refused */
    bool denied;                   /* by deny list or rules, not by the verification */
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
static int cache_index = -1;

static void make_index(void)
{
    judgement_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_judgement);
    cache_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* False if there is no more place for data of ours on an SSL. */
static bool have_index(void)
{
    return CRYPTO_THREAD_run_once(&index_once, make_index) == 1 && judgement_index >= 0 &&
           cache_index >= 0;
}

static void *keep(struct generation *generation, size_t len)
{
    struct piece *piece = calloc(1, sizeof(*piece) + len);

    if (piece == NULL) {
        return NULL;
    }
    piece->next = generation->pieces;
    generation->pieces = piece;
    return piece->data;
}

static char *keep_text(struct generation *generation, const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = keep(generation, len);

    if (copy != NULL) {
        memcpy(copy, text, len);
    }
    return copy;
}

/* A copy of a list of texts; an empty list is an empty list. */
static const char *const *keep_list(struct generation *generation, const char *const *texts,
                                    size_t num)
{
    const char **copy = keep(generation, (num + 1) * sizeof(*copy));

    for (size_t i = 0; copy != NULL && i < num; i++) {
        copy[i] = keep_text(generation, texts[i]);
        if (copy[i] == NULL) {
            return NULL;
        }
    }
    return (const char *const *)copy;
}

static bool copy_rule(struct generation *generation, const struct authz_rule *rule,
                      struct authz_rule *out)
{
    size_t len = (rule->num_measurements + 1) * sizeof(*rule->measurements);
    struct authz_measurement *measurements = keep(generation, len);

    *out = *rule;
    out->name = keep_text(generation, rule->name);
    out->spiffe = keep_list(generation, rule->spiffe, rule->num_spiffe);
    out->tee = keep_list(generation, rule->tee, rule->num_tee);
    out->measurements = measurements;
    if (measurements != NULL && rule->num_measurements > 0) {
        memcpy(measurements, rule->measurements, rule->num_measurements * sizeof(*measurements));
    }
    return out->name != NULL && out->spiffe != NULL && out->tee != NULL && measurements != NULL;
}

static const struct authz_rule *find_rule(const struct generation *generation, const char *name)
{
    for (size_t i = 0; i < generation->num_rules; i++) {
        if (strcmp(generation->rules[i].name, name) == 0) {
            return &generation->rules[i];
        }
    }
    return NULL;
}

/* Who the leaf is of: its path is validated, unless the worker remembers that it was. */
static int judge_path(const struct route *route, X509_STORE_CTX *store, struct svid *out_svid,
                      struct err *err)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct peer_cache *cache = SSL_get_ex_data(ssl, cache_index);
    const struct generation *generation = route->generation;
    struct peer_key key = {.generation = generation->number,
                           .role = route->egress ? SVID_SERVER : SVID_CLIENT};
    int64_t now = generation_now(generation);
    const struct svid *known = NULL;

    if (cache != NULL &&
        X509_digest(X509_STORE_CTX_get0_cert(store), EVP_sha256(), key.sha256, NULL) != 1) {
        cache = NULL;
    }
    known = cache != NULL ? peer_cache_find(cache, &key, now) : NULL;
    if (known != NULL && svid_copy(known, out_svid)) {
        return 0;
    }
    if (svid_verify(store, key.role, identity_trust_domain(generation->identity), now, out_svid,
                    err) != 0) {
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
    judgement->denied = true;
    X509_STORE_CTX_set_error(store, error);
    return false;
}

/* The verdict on a verified peer; the error becomes the alert (spec/traps.md 1.6).  The deny list
   comes first: no rule makes up for it. */
static bool judge(const struct route *route, X509_STORE_CTX *store, struct judgement *judgement)
{
    const char *reason = NULL;
    const char *kind = NULL;
    struct err err;

    if (judge_path(route, store, &judgement->svid, &err) != 0) {
        judgement->refusal = strdup(err.msg);
        return false;
    }
    kind = deny_find(route->generation->deny, &judgement->svid);
    if (kind != NULL) {
        return refuse(judgement, store, X509_V_ERR_CERT_REVOKED, "the deny list names", kind);
    }
    judgement->rule = authz_decide(route->rules, route->num_rules, &judgement->svid, &reason);
    if (judgement->rule == NULL) {
        return refuse(judgement, store, X509_V_ERR_CERT_REJECTED, "no rule admits", reason);
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return true;
}

static int on_verify(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct judgement *judgement = calloc(1, sizeof(*judgement));
    bool accepted = false;

    if (judgement == NULL || SSL_get_ex_data(ssl, judgement_index) != NULL ||
        SSL_set_ex_data(ssl, judgement_index, judgement) != 1) {
        free(judgement);
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    accepted = judge(arg, store, judgement);
    return accepted ? 1 : 0;
}

static int make_route(struct generation *generation, const struct generation_route *source,
                      struct route *route, struct err *err)
{
    const char *alpn = NULL;

    route->generation = generation;
    route->egress = source->egress;
    route->rules = keep(generation, (source->num_allow + 1) * sizeof(*route->rules));
    if (route->rules == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < source->num_allow; i++) {
        const struct authz_rule *rule = find_rule(generation, source->allow[i]);

        if (rule == NULL) {
            return err_set(err, ERR_INVALID, "%s: no [peer %s]", source->name, source->allow[i]);
        }
        route->rules[route->num_rules++] = rule;
    }
    if (source->alpn != NULL) {
        alpn = keep_text(generation, source->alpn);
        if (alpn == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
    }
    if (generation->identity != NULL) {
        route->ctx =
            context_new(source->algorithms, generation->identity, source->egress, alpn, err);
        if (route->ctx == NULL) {
            return err_wrap(err, "%s", source->name);
        }
        SSL_CTX_set_cert_verify_callback(route->ctx, on_verify, route);
    }
    return 0;
}

static int fill(struct generation *generation, const struct generation_options *options,
                struct err *err)
{
    if (options->num_routes > GENERATION_ROUTES_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d routes", GENERATION_ROUTES_MAX);
    }
    generation->rules = keep(generation, (generation->num_rules + 1) * sizeof(*generation->rules));
    if (generation->rules == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < generation->num_rules; i++) {
        if (!copy_rule(generation, &options->rules[i], &generation->rules[i])) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
    }
    for (size_t i = 0; i < options->num_routes; i++) {
        generation->num_routes++;
        if (make_route(generation, &options->routes[i], &generation->routes[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

struct generation *generation_new(const struct generation_options *options, struct err *err)
{
    struct generation *generation = calloc(1, sizeof(*generation));

    if (generation == NULL || !have_index()) {
        free(generation);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    atomic_init(&generation->refs, 1);
    generation->number = options->number;
    generation->identity = options->identity != NULL ? identity_ref(options->identity) : NULL;
    generation->deny = options->deny != NULL ? deny_ref(options->deny) : NULL;
    generation->num_rules = options->num_rules;
    if (fill(generation, options, err) != 0) {
        generation_unref(generation);
        return NULL;
    }
    return generation;
}

struct generation *generation_ref(struct generation *generation)
{
    atomic_fetch_add_explicit(&generation->refs, 1, memory_order_relaxed);
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation == NULL ||
        atomic_fetch_sub_explicit(&generation->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < generation->num_routes; i++) {
        SSL_CTX_free(generation->routes[i].ctx);
    }
    for (struct piece *piece = generation->pieces; piece != NULL;) {
        struct piece *next = piece->next;

        free(piece);
        piece = next;
    }
    identity_unref(generation->identity);
    deny_unref(generation->deny);
    free(generation);
}

uint64_t generation_number(const struct generation *generation)
{
    return generation->number;
}

bool generation_valid(const struct generation *generation, int64_t now)
{
    return generation->identity != NULL && now < identity_not_after(generation->identity);
}

int64_t generation_not_after(const struct generation *generation)
{
    return generation->identity != NULL ? identity_not_after(generation->identity) : 0;
}

SSL_CTX *generation_ctx(const struct generation *generation, size_t route)
{
    return generation->routes[route].ctx;
}

void generation_remember(SSL *ssl, struct peer_cache *cache)
{
    if (cache != NULL) {
        (void)SSL_set_ex_data(ssl, cache_index, cache); /* out of memory: then without it */
    }
}

const struct svid *generation_peer(SSL *ssl, const struct authz_rule **out_rule)
{
    const struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    if (judgement == NULL || judgement->rule == NULL) {
        return NULL;
    }
    *out_rule = judgement->rule;
    return &judgement->svid;
}

const char *generation_refusal(SSL *ssl)
{
    const struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    return judgement == NULL || judgement->rule != NULL ? NULL : judgement->refusal;
}

bool generation_denied(SSL *ssl)
{
    const struct judgement *judgement = SSL_get_ex_data(ssl, judgement_index);

    return judgement != NULL && judgement->denied;
}

const struct authz_rule *generation_allows(const struct generation *generation, size_t route,
                                           const struct svid *peer)
{
    const char *reason = NULL;

    if (deny_find(generation->deny, peer) != NULL) {
        return NULL;
    }
    return authz_decide(generation->routes[route].rules, generation->routes[route].num_rules, peer,
                        &reason);
}

int64_t generation_now(const struct generation *generation)
{
    struct timespec now;
    int64_t offset_ms = 0;

    if (generation->identity != NULL) {
        offset_ms = identity_clock_offset_ms(generation->identity);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + offset_ms) / 1000;
}
