/*
 * Tests of judge: peers that come back, peers on the deny list, and peers that are connected when
 * something changes.
 */
#include "proxy/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/svid.h"
#include "proxy/deny.h"
#include "proxy/generation.h"
#include "proxy/peer_cache.h"
#include "tests/lib/member.h"
#include "tests/lib/pair.h"
#include "tests/lib/party.h"
#include "tests/lib/pki.h"

#define SERVER "spiffe://prod.example/snp/server"
#define CLIENT "spiffe://prod.example/snp/client"

static int world_setup(void **state)
{
    static struct pki pki;

    pki_init(&pki);
    *state = &pki;
    return 0;
}

static int world_teardown(void **state)
{
    pki_deinit(*state);
    return 0;
}

static struct identity *identity_of(const struct pki *pki, const char *uri, int64_t seconds)
{
    return member_identity(&(struct member){.issuer = pki, .uri = uri, .seconds = seconds});
}

static struct generation *good_server(const struct pki *pki)
{
    return party(identity_of(pki, SERVER, 3600), false, CLIENT, NULL);
}

/* A handshake at a server that remembers peers. */
static struct pair *shake_with(struct generation *client, struct generation *server,
                               struct peer_cache *cache)
{
    struct pair *pair = party_pair(client, server, cache);

    pair_run(pair);
    return pair;
}

static void a_peer_that_comes_back_is_not_validated_again(void **state)
{
    const struct pki *pki = *state;
    struct peer_cache *cache = peer_cache_new();
    struct generation *server = party(identity_of(pki, SERVER, 3600), false, CLIENT, NULL);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);

    for (int i = 0; i < 3; i++) {
        struct pair *pair = shake_with(client, server, cache);
        SSL *ssl = tls_ssl(pair->server.tls);
        const struct authz_rule *rule = NULL;
        const struct svid *peer = judge_peer(ssl, &rule);

        assert_int_equal(pair->server.status, TLS_OK);
        assert_string_equal(peer->spiffe, CLIENT);
        assert_int_equal(SSL_get_verify_result(ssl), X509_V_OK);
        /* Only a validation leaves a path. */
        assert_int_equal(SSL_get0_verified_chain(ssl) != NULL, i == 0);
        pair_free(pair);
    }
    generation_unref(server);
    generation_unref(client);
    peer_cache_free(cache);
}

static void r12_a_remembered_peer_still_needs_a_rule(void **state)
{
    const struct pki *pki = *state;
    struct peer_cache *cache = peer_cache_new();
    struct generation *server = party(identity_of(pki, SERVER, 3600), false, CLIENT, NULL);
    struct generation *strict = party(identity_of(pki, SERVER, 3600), false, SERVER, NULL);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = shake_with(client, server, cache);

    assert_int_equal(pair->server.status, TLS_OK);
    pair_free(pair);
    pair = shake_with(client, strict, cache);
    pair_expect_client_refused(pair, SSL_AD_BAD_CERTIFICATE);
    pair_free(pair);
    generation_unref(server);
    generation_unref(strict);
    generation_unref(client);
    peer_cache_free(cache);
}

static void r12_a_remembered_peer_whose_certificate_has_ended_is_refused(void **state)
{
    const struct pki *pki = *state;
    struct member later = {
        .issuer = pki, .uri = SERVER, .seconds = 3600, .clock_offset_ms = INT64_C(120000)};
    struct peer_cache *cache = peer_cache_new();
    struct generation *server = party(identity_of(pki, SERVER, 3600), false, CLIENT, NULL);
    struct generation *late = party(member_identity(&later), false, CLIENT, NULL);
    struct generation *client = party(identity_of(pki, CLIENT, 60), true, SERVER, NULL);
    struct pair *pair = shake_with(client, server, cache);

    assert_int_equal(pair->server.status, TLS_OK);
    pair_free(pair);
    pair = shake_with(client, late, cache);
    pair_expect_client_refused(pair, SSL_AD_CERTIFICATE_EXPIRED);
    pair_free(pair);
    generation_unref(server);
    generation_unref(late);
    generation_unref(client);
    peer_cache_free(cache);
}

static struct deny *deny_client(void)
{
    static const char text[] = "spiffe " CLIENT "\n";
    struct err err;
    struct deny *deny = deny_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &err);

    if (deny == NULL) {
        fail_msg("%s", err.msg);
    }
    return deny;
}

/* As party(), with a deny list or without; borrows both. */
static struct generation *make_denying(struct identity *identity, struct deny *deny)
{
    static const char *const spiffe[] = {CLIENT};
    static const char *const allow[] = {"friend"};
    static const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    static const struct generation_route route = {"route", false, allow, 1, NULL, NULL};

    return party_new(&(struct generation_options){.identity = identity,
                                                  .deny = deny,
                                                  .rules = &rule,
                                                  .num_rules = 1,
                                                  .routes = &route,
                                                  .num_routes = 1});
}

static void a_peer_on_the_deny_list_gets_certificate_revoked_though_a_rule_admits_it(void **state)
{
    const struct pki *pki = *state;
    struct identity *identity = identity_of(pki, SERVER, 3600);
    struct deny *deny = deny_client();
    struct generation *server = make_denying(identity, deny);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = party_shake(client, server);
    const struct authz_rule *rule = NULL;

    pair_expect_client_refused(pair, SSL_AD_CERTIFICATE_REVOKED);
    assert_null(judge_peer(tls_ssl(pair->server.tls), &rule));
    assert_string_equal(judge_refusal(tls_ssl(pair->server.tls)),
                        "the deny list names " CLIENT ": spiffe");
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
    deny_unref(deny);
    identity_unref(identity);
}

/* What a handshake with a client leaves, for the caller to deinit. */
static struct svid live_peer(const struct pki *pki)
{
    struct generation *server = good_server(pki);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = party_shake(client, server);
    const struct authz_rule *rule = NULL;
    const struct svid *peer = judge_peer(tls_ssl(pair->server.tls), &rule);
    struct svid copy;

    assert_non_null(peer);
    assert_true(svid_copy(peer, &copy));
    pair_free(pair);
    generation_unref(server);
    generation_unref(client);
    return copy;
}

static void a_live_peer_is_judged_by_the_deny_list_before_the_rules(void **state)
{
    const struct pki *pki = *state;
    struct svid peer = live_peer(pki);
    struct identity *identity = identity_of(pki, SERVER, 3600);
    struct deny *deny = deny_client();
    struct generation *without = make_denying(identity, NULL);
    struct generation *with = make_denying(identity, deny);

    assert_non_null(generation_allows(without, 0, &peer));
    assert_null(generation_allows(with, 0, &peer));
    generation_unref(without);
    generation_unref(with);
    deny_unref(deny);
    identity_unref(identity);
    svid_deinit(&peer);
}

static void r12_a_remembered_peer_that_is_now_denied_is_refused(void **state)
{
    const struct pki *pki = *state;
    struct identity *identity = identity_of(pki, SERVER, 3600);
    struct peer_cache *cache = peer_cache_new();
    struct deny *deny = deny_client();
    struct generation *open = make_denying(identity, NULL);
    struct generation *strict = make_denying(identity, deny);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = shake_with(client, open, cache);

    assert_int_equal(pair->server.status, TLS_OK);
    pair_free(pair);
    /* Of the same number, so that nothing but the list stands between the peer and its entry. */
    assert_int_equal(generation_number(open), generation_number(strict));
    pair = shake_with(client, strict, cache);
    assert_null(SSL_get0_verified_chain(tls_ssl(pair->server.tls)));
    assert_string_equal(judge_denial(tls_ssl(pair->server.tls)), "deny list");
    pair_expect_client_refused(pair, SSL_AD_CERTIFICATE_REVOKED);
    pair_free(pair);
    generation_unref(open);
    generation_unref(strict);
    generation_unref(client);
    deny_unref(deny);
    identity_unref(identity);
    peer_cache_free(cache);
}

static void r29_a_server_on_the_deny_list_is_refused_by_its_client(void **state)
{
    static const char text[] = "spiffe " SERVER "\n";
    static const char *const spiffe[] = {SERVER};
    static const char *const allow[] = {"friend"};
    static const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    static const struct generation_route route = {"route", true, allow, 1, NULL, NULL};
    const struct pki *pki = *state;
    struct err err;
    struct deny *deny = deny_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &err);
    struct identity *identity = identity_of(pki, CLIENT, 3600);
    struct generation *server = good_server(pki);
    struct generation *client = party_new(&(struct generation_options){
        1, identity, deny, .rules = &rule, .num_rules = 1, .routes = &route, .num_routes = 1});
    struct pair *pair = party_shake(client, server);

    assert_int_equal(pair->client.status, TLS_FAILED);
    assert_non_null(judge_denial(tls_ssl(pair->client.tls)));
    assert_string_equal(judge_refusal(tls_ssl(pair->client.tls)),
                        "the deny list names " SERVER ": spiffe");
    assert_int_equal(tls_alert(pair->server.tls), SSL_AD_CERTIFICATE_REVOKED);
    pair_free(pair);
    generation_unref(server);
    generation_unref(client);
    identity_unref(identity);
    deny_unref(deny);
}

static void r15_live_peers_are_judged_by_the_new_rules(void **state)
{
    const struct pki *pki = *state;
    struct svid peer = live_peer(pki);
    struct generation *before = good_server(pki);
    struct generation *after = party(identity_of(pki, SERVER, 3600), false, SERVER, NULL);

    assert_non_null(generation_allows(before, 0, &peer));
    assert_null(generation_allows(after, 0, &peer));
    generation_unref(before);
    generation_unref(after);
    svid_deinit(&peer);
}

static void r15_live_peers_are_cut_when_their_anchor_is_no_longer_trusted(void **state)
{
    const struct pki *pki = *state;
    struct svid peer = live_peer(pki);
    struct pki other;
    struct member renewed = {.issuer = pki, .uri = SERVER, .seconds = 3600};
    struct generation *same = NULL;
    struct generation *without = NULL;
    struct generation *nobody = party(NULL, false, CLIENT, NULL);

    pki_init(&other);
    same = party(member_identity(&renewed), false, CLIENT, NULL);
    renewed.anchors = &other;
    without = party(member_identity(&renewed), false, CLIENT, NULL);
    assert_non_null(generation_allows(same, 0, &peer));
    assert_null(generation_allows(without, 0, &peer));
    assert_null(generation_allows(nobody, 0, &peer));
    generation_unref(same);
    generation_unref(without);
    generation_unref(nobody);
    svid_deinit(&peer);
    pki_deinit(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_comes_back_is_not_validated_again),
        cmocka_unit_test(r12_a_remembered_peer_still_needs_a_rule),
        cmocka_unit_test(r12_a_remembered_peer_whose_certificate_has_ended_is_refused),
        cmocka_unit_test(a_peer_on_the_deny_list_gets_certificate_revoked_though_a_rule_admits_it),
        cmocka_unit_test(a_live_peer_is_judged_by_the_deny_list_before_the_rules),
        cmocka_unit_test(r12_a_remembered_peer_that_is_now_denied_is_refused),
        cmocka_unit_test(r29_a_server_on_the_deny_list_is_refused_by_its_client),
        cmocka_unit_test(r15_live_peers_are_judged_by_the_new_rules),
        cmocka_unit_test(r15_live_peers_are_cut_when_their_anchor_is_no_longer_trusted),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
