/*
 * Shortage in a handshake: each allocation of ours fails once, between two generations joined by
 * memory: whoever has no memory to judge a peer refuses it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/svid.h"
#include "proxy/generation.h"
#include "proxy/judge.h"
#include "tests/lib/member.h"
#include "tests/lib/pair.h"
#include "tests/lib/party.h"
#include "tests/lib/pki.h"
#include "tests/lib/shortage.h"

#define SERVER "spiffe://prod.example/snp/server"
#define CLIENT "spiffe://prod.example/snp/client"
#define NTH_MAX 1000

/* party_shake() allocates its own room and the two engines first, and wants them. */
#define NTH_OF_THE_HANDSHAKE 4

static void deny_memory(unsigned long nth)
{
    struct shortage_rule rule = {.call = SHORTAGE_MEMORY, .error = ENOMEM, .nth = nth};

    shortage_begin(&rule, 1, true);
}

static struct generation *make(struct identity *identity, bool egress, const char *admitted,
                               struct err *err)
{
    const char *const spiffe[] = {admitted};
    const char *const allow[] = {"friend"};
    const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    const struct generation_route route = {"route", egress, allow, 1, "h2", NULL};
    const struct generation_options options = {
        .number = 1,
        .identity = identity,
        .rules = &rule,
        .num_rules = 1,
        .routes = &route,
        .num_routes = 1,
    };

    return generation_new(&options, err);
}

static struct identity *identity_of(const struct pki *pki, const char *uri)
{
    return member_identity(&(struct member){.issuer = pki, .uri = uri, .seconds = 3600});
}

static void r37_a_generation_without_memory_is_none(void **state)
{
    struct identity *identity = NULL;
    struct generation *generation = NULL;
    struct pki pki;
    unsigned long nth = 0;

    pki_init(&pki);
    identity = identity_of(&pki, SERVER);
    while (generation == NULL) {
        struct err err = {0};

        assert_true(nth < NTH_MAX);
        deny_memory(++nth);
        generation = make(identity, false, CLIENT, &err);
        if (shortage_end() > 0) {
            assert_null(generation);
            assert_int_equal(err.code, ERR_LIMIT);
        }
    }
    assert_true(nth > 4);
    generation_unref(generation);
    identity_unref(identity);
    pki_deinit(&pki);
}

static void r12_r37_without_memory_for_a_judgement_nobody_is_let_in(void **state)
{
    struct identity *identities[2] = {NULL, NULL};
    struct generation *server = NULL;
    struct generation *client = NULL;
    struct pki pki;
    unsigned long nth = NTH_OF_THE_HANDSHAKE;
    unsigned long met = 1;
    struct err err = {0};

    pki_init(&pki);
    identities[0] = identity_of(&pki, SERVER);
    identities[1] = identity_of(&pki, CLIENT);
    server = make(identities[0], false, CLIENT, &err);
    client = make(identities[1], true, SERVER, &err);
    for (; met > 0; nth++) {
        const struct authz_rule *rule = NULL;
        struct pair *pair = NULL;

        deny_memory(nth);
        pair = party_shake(client, server);
        met = shortage_end();
        assert_int_equal(pair->client.status == TLS_OK && pair->server.status == TLS_OK, met == 0);
        if (pair->server.status != TLS_OK) {
            assert_null(judge_peer(tls_ssl(pair->server.tls), &rule));
        }
        pair_free(pair);
    }
    assert_true(nth > NTH_OF_THE_HANDSHAKE + 2);
    generation_unref(server);
    generation_unref(client);
    identity_unref(identities[0]);
    identity_unref(identities[1]);
    pki_deinit(&pki);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r37_a_generation_without_memory_is_none),
        cmocka_unit_test(r12_r37_without_memory_for_a_judgement_nobody_is_let_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
