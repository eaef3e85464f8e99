/*
 * Tests of generation: real handshakes between two generations joined by memory, and who is let in.
 */
#include "proxy/generation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/svid.h"
#include "proxy/judge.h"
#include "proxy/tenure.h"
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

static void two_welcome_peers_learn_who_the_other_is(void **state)
{
    const struct pki *pki = *state;
    struct generation *server = party(identity_of(pki, SERVER, 3600), false, CLIENT, NULL);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = party_shake(client, server);
    const struct authz_rule *rule = NULL;
    const struct svid *peer = judge_peer(tls_ssl(pair->server.tls), &rule);

    assert_int_equal(pair->server.status, TLS_OK);
    assert_int_equal(pair->client.status, TLS_OK);
    assert_non_null(peer);
    assert_string_equal(peer->spiffe, CLIENT);
    assert_string_equal(rule->name, "friend");
    assert_string_equal(judge_peer(tls_ssl(pair->client.tls), &rule)->spiffe, SERVER);
    assert_null(judge_refusal(tls_ssl(pair->server.tls)));
    assert_int_equal(SSL_version(tls_ssl(pair->server.tls)), TLS1_3_VERSION);
    assert_int_equal(SSL_get_verify_result(tls_ssl(pair->server.tls)), X509_V_OK);
    generation_unref(server); /* the connection outlives it */
    assert_string_equal(peer->spiffe, CLIENT);
    pair_free(pair);
    generation_unref(client);
}

/* The server refuses the client: `alert` at the client, `reason` in the refusal. */
static void expect_client_refused(struct generation *client, struct generation *server, int alert,
                                  const char *reason)
{
    struct pair *pair = party_shake(client, server);
    const struct authz_rule *rule = NULL;
    const char *refusal = judge_refusal(tls_ssl(pair->server.tls));

    pair_expect_client_refused(pair, alert);
    assert_null(judge_peer(tls_ssl(pair->server.tls), &rule));
    if (reason == NULL) {
        assert_null(refusal);
    } else {
        assert_non_null(refusal);
        if (strstr(refusal, reason) == NULL) {
            fail_msg("%s, should be: %s", refusal, reason);
        }
    }
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

static struct generation *good_server(const struct pki *pki)
{
    return party(identity_of(pki, SERVER, 3600), false, CLIENT, NULL);
}

static void a_peer_without_a_rule_gets_bad_certificate(void **state)
{
    const struct pki *pki = *state;
    struct identity *identity = identity_of(pki, "spiffe://prod.example/snp/clien", 3600);

    expect_client_refused(party(identity, true, SERVER, NULL), good_server(pki),
                          SSL_AD_BAD_CERTIFICATE,
                          "no rule admits spiffe://prod.example/snp/clien: spiffe");
}

static void an_expired_peer_gets_certificate_expired(void **state)
{
    const struct pki *pki = *state;
    struct identity *identity = identity_of(pki, CLIENT, -1);

    expect_client_refused(party(identity, true, SERVER, NULL), good_server(pki),
                          SSL_AD_CERTIFICATE_EXPIRED, "expired");
}

static void a_peer_of_another_issuer_gets_unknown_ca(void **state)
{
    const struct pki *pki = *state;
    struct pki other;
    struct identity *identity = NULL;

    pki_init(&other);
    identity = member_identity(&(struct member){&other, pki, CLIENT, 3600, 0});
    expect_client_refused(party(identity, true, SERVER, NULL), good_server(pki), SSL_AD_UNKNOWN_CA,
                          "");
    pki_deinit(&other);
}

/* A server that wants more of its client than a name; the clock is `offset_ms` off. */
static struct generation *strict_server(const struct pki *pki, int64_t offset_ms)
{
    static const char *const spiffe[] = {"spiffe://prod.example/snp/other", CLIENT};
    static const char *const tee[] = {"tdx", "snp"};
    static const char *const allow[] = {"friend"};
    static const struct authz_measurement measurements[] = {{{1}, 48}, {{7, 7}, 48}};
    static const struct generation_route route = {"route", false, allow, 1, NULL, NULL};
    const struct authz_rule rule = {
        .name = "friend",
        .spiffe = spiffe,
        .num_spiffe = 2,
        .tee = tee,
        .num_tee = 2,
        .measurements = measurements,
        .num_measurements = 2,
        .tcb_min = {[2] = 21},
        .tcb_min_set = {[2] = true},
        .epoch_min = 42,
        .epoch_min_set = true,
    };
    struct identity *identity =
        member_identity(&(struct member){pki, NULL, SERVER, 86400, offset_ms});
    struct generation *generation = party_new(&(struct generation_options){.number = 1,
                                                                           .identity = identity,
                                                                           .rules = &rule,
                                                                           .num_rules = 1,
                                                                           .routes = &route,
                                                                           .num_routes = 1});

    identity_unref(identity);
    return generation;
}

/* What a client's certificate says, and what becomes of it. */
struct client_row {
    const char *tee; /* NULL: no attestation result */
    uint8_t measurement;
    uint8_t tcb_snp;
    uint64_t epoch;
    const char *uri;    /* NULL: CLIENT */
    int64_t not_before; /* seconds from now; 0: an hour ago */
    int64_t seconds;    /* life from now; 0: an hour */
    int64_t offset_ms;  /* of the server's clock */
    int alert;          /* -1: welcome */
    bool denied;        /* by the rules */
    const char *refusal;
};

/* A client of no generation, as one of ours would not even speak to some of these servers. */
static SSL_CTX *client_of(const struct pki *pki, const struct client_row *row)
{
    struct ear ear = {
        .iat = 1790000000,
        .status = EAR_AFFIRMING,
        .genuine = true,
        .policy_id = "ni:///sha-256;47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        .epoch = row->epoch,
        .measurement = {7, row->measurement},
        .measurement_len = 48,
        .tcb = {7, 0, row->tcb_snp, 72, 0},
        .tcb_present = {true, true, true, true, false},
        .verifier_build = "liftgate-ca 1.0.0",
    };
    SSL_CTX *ctx = NULL;
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;

    pki_leaf(pki, row->uri != NULL ? row->uri : CLIENT, row->seconds != 0 ? row->seconds : 3600,
             &leaf, &key);
    if (row->not_before != 0) {
        X509_gmtime_adj(X509_getm_notBefore(leaf), (long)row->not_before);
        pki_sign(pki, leaf);
    }
    if (row->tee != NULL) {
        snprintf(ear.tee, sizeof(ear.tee), "%s", row->tee);
        pki_attest(pki, leaf, &ear);
    }
    ctx = pki_ctx(pki, leaf, key);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return ctx;
}

static void a_client_is_judged_by_all_that_its_certificate_says(void **state)
{
    /* clang-format off */
    static const struct client_row rows[] = {
        {"snp", 7, 21, 42, .alert = -1},
        {NULL,  0,  0,  0, .alert = SSL_AD_BAD_CERTIFICATE, .denied = true, .refusal = ": no attestation result"},
        {"sim", 7, 21, 42, .alert = SSL_AD_BAD_CERTIFICATE, .denied = true, .refusal = ": tee"},
        {"snp", 8, 21, 42, .alert = SSL_AD_BAD_CERTIFICATE, .denied = true, .refusal = ": measurement"},
        {"snp", 7, 20, 42, .alert = SSL_AD_BAD_CERTIFICATE, .denied = true, .refusal = ": tcb"},
        {"snp", 7, 21, 41, .alert = SSL_AD_BAD_CERTIFICATE, .denied = true, .refusal = ": epoch"},
        {"snp", 7, 21, 42, .uri = SERVER, .alert = SSL_AD_BAD_CERTIFICATE, .denied = true, .refusal = ": spiffe"},
        {"snp", 7, 21, 42, .uri = "spiffe://other.example/snp/client", .alert = SSL_AD_BAD_CERTIFICATE, .refusal = "trust domain"},
        {"snp", 7, 21, 42, .seconds = -1, .alert = SSL_AD_CERTIFICATE_EXPIRED, .refusal = "expired"},
        {"snp", 7, 21, 42, .not_before = 60, .alert = SSL_AD_BAD_CERTIFICATE, .refusal = "not yet valid"},
        {"snp", 7, 21, 42, .not_before = 60, .offset_ms = 120000, .alert = -1},
        {"snp", 7, 21, 42, .seconds = -1, .offset_ms = -60000, .alert = -1},
        {"snp", 7, 21, 42, .offset_ms = 3700000, .alert = SSL_AD_CERTIFICATE_EXPIRED, .refusal = "expired"},
    };
    /* clang-format on */
    const struct pki *pki = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct generation *server = strict_server(pki, rows[i].offset_ms);
        SSL_CTX *client = client_of(pki, &rows[i]);
        struct pair *pair = party_shake_with(client, server);
        SSL *ssl = tls_ssl(pair->server.tls);
        const struct authz_rule *rule = NULL;
        const struct svid *peer = judge_peer(ssl, &rule);
        const char *refusal = judge_refusal(ssl);

        print_message("row %zu: %s\n", i, refusal != NULL ? refusal : "welcome");
        assert_int_equal(judge_denial(ssl) != NULL, rows[i].denied);
        if (rows[i].alert == -1) {
            assert_int_equal(pair->server.status, TLS_OK);
            assert_true(peer != NULL && refusal == NULL);
            assert_string_equal(peer->claims.tee, "snp");
        } else {
            pair_expect_client_refused(pair, rows[i].alert);
            assert_true(peer == NULL && refusal != NULL);
            assert_non_null(strstr(refusal, rows[i].refusal));
        }
        pair_free(pair);
        SSL_CTX_free(client);
        generation_unref(server);
    }
}

static void a_client_without_a_certificate_gets_certificate_required(void **state)
{
    const struct pki *pki = *state;
    struct generation *server = good_server(pki);
    SSL_CTX *bare = pki_ctx(pki, NULL, NULL);
    struct pair *pair = party_shake_with(bare, server);

    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(tls_alert(pair->client.tls), SSL_AD_CERTIFICATE_REQUIRED);
    pair_free(pair);
    SSL_CTX_free(bare);
    generation_unref(server);
}

static void a_client_refuses_a_server_that_it_does_not_expect(void **state)
{
    const struct pki *pki = *state;
    struct generation *server = good_server(pki);
    struct generation *client =
        party(identity_of(pki, CLIENT, 3600), true, "spiffe://prod.example/snp/database", NULL);
    struct pair *pair = party_shake(client, server);

    assert_int_equal(pair->client.status, TLS_FAILED);
    assert_non_null(strstr(judge_refusal(tls_ssl(pair->client.tls)), SERVER));
    assert_int_not_equal(pair->server.status, TLS_OK);
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

static struct generation *next_of(const struct generation *previous, struct identity *identity,
                                  struct tenures *tenures, const char *alpn)
{
    static const char *const allow[] = {"friend"};
    static const char *const spiffe[] = {CLIENT};
    static const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    const struct generation_route routes[] = {
        {"first", false, allow, 1, alpn, NULL},
        {"second", false, allow, 1, alpn, NULL},
        {"third", true, allow, 1, alpn, NULL},
    };

    return party_new(&(struct generation_options){.number = 1,
                                                  .identity = identity,
                                                  .rules = &rule,
                                                  .num_rules = 1,
                                                  .routes = routes,
                                                  .num_routes = 3,
                                                  .tenures = tenures,
                                                  .previous = previous});
}

static void r39_generations_of_one_identity_share_their_contexts(void **state)
{
    const struct pki *pki = *state;
    struct tenures tenures = {.last = 0};
    struct identity *identities[] = {identity_of(pki, SERVER, 3600),
                                     identity_of(pki, SERVER, 3600)};
    struct generation *first = next_of(NULL, identities[0], &tenures, "h2");
    struct generation *rules = next_of(first, identities[0], &tenures, "h2");
    struct generation *protocol = next_of(rules, identities[0], &tenures, "http/1.1");
    struct generation *renewed = NULL;
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, "http/1.1,h2");
    struct pair *pair = NULL;
    const struct authz_rule *rule = NULL;

    assert_ptr_equal(generation_ctx(first, 0), generation_ctx(first, 1));
    assert_ptr_not_equal(generation_ctx(first, 0), generation_ctx(first, 2));
    assert_ptr_equal(generation_ctx(rules, 0), generation_ctx(first, 0));
    assert_ptr_not_equal(generation_ctx(protocol, 0), generation_ctx(rules, 0));
    assert_ptr_equal(generation_tenure(protocol), generation_tenure(first));
    assert_int_equal(tenures_count(&tenures), 1);
    generation_unref(first); /* the context of `rules` and what it needs stay */
    pair = party_shake(client, rules);
    assert_int_equal(pair->server.status, TLS_OK);
    judge_release(tls_ssl(pair->server.tls));
    renewed = next_of(protocol, identities[1], &tenures, "h2");
    assert_ptr_not_equal(generation_ctx(renewed, 0), generation_ctx(rules, 0));
    assert_int_equal(tenures_count(&tenures), 2);
    generation_unref(rules);
    generation_unref(protocol);
    assert_int_equal(tenures_count(&tenures), 1);
    assert_string_equal(judge_peer(tls_ssl(pair->server.tls), &rule)->spiffe, CLIENT);
    assert_null(rule);
    pair_free(pair);
    generation_unref(renewed);
    generation_unref(client);
    identity_unref(identities[0]);
    identity_unref(identities[1]);
}

/* A context that nobody has set a judge for lets nobody in. */
static void r12_without_a_judge_nobody_is_let_in(void **state)
{
    const struct pki *pki = *state;
    struct generation *server = good_server(pki);
    struct generation *client = party(identity_of(pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = pair_new(generation_ctx(client, 0), generation_ctx(server, 0));

    assert_true(generation_attach(client, 0, tls_ssl(pair->client.tls), NULL));
    pair_run(pair);
    pair_expect_client_refused(pair, SSL_AD_INTERNAL_ERROR);
    pair_free(pair);
    generation_unref(server);
    generation_unref(client);
}

static void it_is_valid_while_our_own_leaf_is(void **state)
{
    const struct pki *pki = *state;
    struct generation *generation = good_server(pki);
    int64_t not_after = generation_not_after(generation);

    assert_true(generation_valid(generation, generation_now(generation)));
    assert_true(generation_valid(generation, not_after - 1));
    assert_false(generation_valid(generation, not_after));
    assert_false(generation_valid(generation, not_after - 2 * 86400)); /* made for a day at most */
    generation_unref(generation);
}

static void without_an_identity_there_is_no_context(void **state)
{
    struct generation *generation = party(NULL, false, CLIENT, NULL);

    assert_false(generation_valid(generation, 0));
    assert_null(generation_ctx(generation, 0));
    assert_int_equal(generation_not_after(generation), 0);
    generation_unref(generation);
}

static void there_is_a_bound_on_routes(void **state)
{
    const char *const spiffe[] = {CLIENT};
    const char *const allow[] = {"friend"};
    const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    struct generation_route routes[GENERATION_ROUTES_MAX + 1];
    struct generation_options options = {.rules = &rule, .num_rules = 1, .routes = routes};
    struct err err;

    for (size_t i = 0; i <= GENERATION_ROUTES_MAX; i++) {
        routes[i] = (struct generation_route){"route", false, allow, 1, NULL, NULL};
    }
    options.num_routes = GENERATION_ROUTES_MAX;
    generation_unref(party_new(&options));
    options.num_routes++;
    assert_null(generation_new(&options, &err));
    assert_string_equal(err.msg, "more than 128 routes");
}

static void a_route_that_names_a_missing_peer_is_an_error(void **state)
{
    const char *const allow[] = {"nobody"};
    const struct generation_route route = {"api", false, allow, 1, NULL, NULL};
    struct err err;

    assert_null(generation_new(
        &(struct generation_options){.number = 1, .routes = &route, .num_routes = 1}, &err));
    assert_string_equal(err.msg, "api: no [peer nobody]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_welcome_peers_learn_who_the_other_is),
        cmocka_unit_test(a_peer_without_a_rule_gets_bad_certificate),
        cmocka_unit_test(an_expired_peer_gets_certificate_expired),
        cmocka_unit_test(a_peer_of_another_issuer_gets_unknown_ca),
        cmocka_unit_test(a_client_is_judged_by_all_that_its_certificate_says),
        cmocka_unit_test(a_client_without_a_certificate_gets_certificate_required),
        cmocka_unit_test(a_client_refuses_a_server_that_it_does_not_expect),
        cmocka_unit_test(r39_generations_of_one_identity_share_their_contexts),
        cmocka_unit_test(r12_without_a_judge_nobody_is_let_in),
        cmocka_unit_test(it_is_valid_while_our_own_leaf_is),
        cmocka_unit_test(without_an_identity_there_is_no_context),
        cmocka_unit_test(there_is_a_bound_on_routes),
        cmocka_unit_test(a_route_that_names_a_missing_peer_is_an_error),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
