/*
 * Generation: the snapshot, and a TLS context for each route.
 */
#include "proxy/generation.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "proxy/context.h"
#include "proxy/deny.h"
#include "proxy/judge.h"
#include "proxy/tenure.h"

/* One allocation of the snapshot; all are freed with it. */
struct piece {
    struct piece *next;
    max_align_t data[];
};

struct route {
    struct judge judge;
    const char *alpn;
    OSSL_LIB_CTX *algorithms;
    SSL_CTX *ctx; /* NULL without an identity */
};

struct generation {
    atomic_size_t refs;
    uint64_t number;
    struct identity *identity; /* NULL: none yet */
    struct tenure *tenure;
    struct deny *deny;       /* NULL: nobody */
    atomic_size_t *num_live; /* NULL: not counted */
    struct piece *pieces;
    struct authz_rule *rules;
    size_t num_rules;
    struct route routes[GENERATION_ROUTES_MAX];
    size_t num_routes;
};

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
    out->dns = keep_list(generation, rule->dns, rule->num_dns);
    out->tee = keep_list(generation, rule->tee, rule->num_tee);
    out->measurements = measurements;
    if (measurements != NULL && rule->num_measurements > 0) {
        memcpy(measurements, rule->measurements, rule->num_measurements * sizeof(*measurements));
    }
    return out->name != NULL && out->spiffe != NULL && out->dns != NULL && out->tee != NULL &&
           measurements != NULL;
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

static bool same_alpn(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

/* One of `generation`, of our identity, that fits `route`; NULL: there is none. */
static SSL_CTX *find_ctx(const struct generation *generation, const struct route *route)
{
    for (size_t i = 0; i < generation->num_routes; i++) {
        const struct route *other = &generation->routes[i];

        if (other->ctx != NULL && other->judge.egress == route->judge.egress &&
            other->algorithms == route->algorithms && same_alpn(other->alpn, route->alpn)) {
            return other->ctx;
        }
    }
    return NULL;
}

/* A context is heavy, and whoever was authorized with it keeps it: so nobody gets one of his own.
 */
static int make_ctx(const struct generation *generation, const struct generation *previous,
                    struct route *route, struct err *err)
{
    SSL_CTX *ctx = find_ctx(generation, route);

    if (ctx == NULL && previous != NULL && previous->identity == generation->identity) {
        ctx = find_ctx(previous, route);
    }
    if (ctx != NULL && SSL_CTX_up_ref(ctx) == 1) {
        route->ctx = ctx;
        return 0;
    }
    route->ctx =
        context_new(route->algorithms, generation->identity, route->judge.egress, route->alpn, err);
    if (route->ctx != NULL) {
        judge_install(route->ctx);
    }
    return route->ctx != NULL ? 0 : -1;
}

static int make_route(struct generation *generation, const struct generation_route *source,
                      struct route *route, struct err *err)
{
    const struct authz_rule **rules = NULL;

    if (source->name == NULL) {
        return 0; /* no context, and no rule that admits anybody */
    }
    rules = keep(generation, (source->num_allow + 1) * sizeof(const struct authz_rule *));
    if (rules == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < source->num_allow; i++) {
        const struct authz_rule *rule = find_rule(generation, source->allow[i]);

        if (rule == NULL) {
            return err_set(err, ERR_INVALID, "%s: no [peer %s]", source->name, source->allow[i]);
        }
        rules[i] = rule;
    }
    route->judge = (struct judge){
        .number = generation->number,
        .egress = source->egress,
        .identity = generation->identity,
        .deny = generation->deny,
        .rules = rules,
        .num_rules = source->num_allow,
    };
    route->algorithms = source->algorithms;
    if (source->alpn != NULL) {
        route->alpn = keep_text(generation, source->alpn);
        if (route->alpn == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
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
        if (generation->identity != NULL && options->routes[i].name != NULL &&
            make_ctx(generation, options->previous, &generation->routes[i], err) != 0) {
            return err_wrap(err, "%s", options->routes[i].name);
        }
    }
    return 0;
}

/* That of `previous` goes on if the identity does. */
static struct tenure *make_tenure(const struct generation_options *options)
{
    const struct generation *previous = options->previous;

    if (previous != NULL && previous->identity == options->identity) {
        return tenure_ref(previous->tenure);
    }
    return tenure_new(options->tenures);
}

struct generation *generation_new(const struct generation_options *options, struct err *err)
{
    struct generation *generation = calloc(1, sizeof(*generation));

    if (generation == NULL || !judge_prepare()) {
        free(generation);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    atomic_init(&generation->refs, 1);
    generation->number = options->number;
    generation->identity = options->identity != NULL ? identity_ref(options->identity) : NULL;
    generation->deny = options->deny != NULL ? deny_ref(options->deny) : NULL;
    generation->num_rules = options->num_rules;
    generation->num_live = options->num_live;
    if (generation->num_live != NULL) {
        atomic_fetch_add_explicit(generation->num_live, 1, memory_order_relaxed);
    }
    generation->tenure = make_tenure(options);
    if (generation->tenure == NULL) {
        err_set(err, ERR_LIMIT, "out of memory, or connections of too many identities are left");
        generation_unref(generation);
        return NULL;
    }
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
    tenure_unref(generation->tenure);
    if (generation->num_live != NULL) {
        atomic_fetch_sub_explicit(generation->num_live, 1, memory_order_relaxed);
    }
    free(generation);
}

uint64_t generation_number(const struct generation *generation)
{
    return generation->number;
}

bool generation_valid(const struct generation *generation, int64_t now)
{
    return generation->identity != NULL && now >= identity_not_before(generation->identity) &&
           now < identity_not_after(generation->identity);
}

int64_t generation_not_after(const struct generation *generation)
{
    return generation->identity != NULL ? identity_not_after(generation->identity) : 0;
}

SSL_CTX *generation_ctx(const struct generation *generation, size_t route)
{
    return generation->routes[route].ctx;
}

bool generation_attach(const struct generation *generation, size_t route, SSL *ssl,
                       struct peer_cache *cache)
{
    return judge_attach(ssl, &generation->routes[route].judge, cache);
}

struct tenure *generation_tenure(const struct generation *generation)
{
    return generation->tenure;
}

const struct authz_rule *generation_allows(const struct generation *generation, size_t route,
                                           const struct svid *peer)
{
    return judge_again(&generation->routes[route].judge, peer);
}

bool generation_serves(const struct generation *generation, size_t route)
{
    return generation->routes[route].judge.num_rules > 0;
}

int64_t generation_now(const struct generation *generation)
{
    return judge_now(generation->identity);
}
