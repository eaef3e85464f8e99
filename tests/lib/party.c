/*
 * Party: options filled in.
 */
#include "tests/lib/party.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "proxy/authz.h"
#include "tests/lib/pair.h"

struct generation *party_new(const struct generation_options *options)
{
    struct err err;
    struct generation *generation = generation_new(options, &err);

    if (generation == NULL) {
        fail_msg("%s", err.msg);
    }
    return generation;
}

struct generation *party(struct identity *identity, bool egress, const char *admitted,
                         const char *alpn)
{
    const char *const spiffe[] = {admitted};
    const char *const allow[] = {"friend"};
    const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    const struct generation_route route = {"route", egress, allow, 1, alpn, NULL};
    struct generation *generation = party_new(&(struct generation_options){.number = 1,
                                                                           .identity = identity,
                                                                           .rules = &rule,
                                                                           .num_rules = 1,
                                                                           .routes = &route,
                                                                           .num_routes = 1});

    identity_unref(identity);
    return generation;
}

/* Without memory for it: then nobody is let in, as tests of shortages expect. */
static void attach(const struct generation *generation, struct pair_side *side,
                   struct peer_cache *cache)
{
    if (!generation_attach(generation, 0, tls_ssl(side->tls), cache)) {
        print_message("nobody judges\n");
    }
}

struct pair *party_pair(const struct generation *client, const struct generation *server,
                        struct peer_cache *cache)
{
    struct pair *pair = pair_new(generation_ctx(client, 0), generation_ctx(server, 0));

    attach(client, &pair->client, NULL);
    attach(server, &pair->server, cache);
    return pair;
}

struct pair *party_shake(const struct generation *client, const struct generation *server)
{
    struct pair *pair = party_pair(client, server, NULL);

    pair_run(pair);
    return pair;
}

struct pair *party_shake_with(SSL_CTX *client, const struct generation *server)
{
    struct pair *pair = pair_new(client, generation_ctx(server, 0));

    attach(server, &pair->server, NULL);
    pair_run(pair);
    return pair;
}
