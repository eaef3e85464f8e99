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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/tls.h"
#include "tests/lib/folder.h"
#include "tests/lib/pki.h"

#define SERVER "spiffe://prod.example/snp/server"
#define CLIENT "spiffe://prod.example/snp/client"
#define WIRE_CAP 65536

struct world {
    char dir[FOLDER_PATH_CAP];
    struct pki pki;
};

static int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    folder_make(world->dir);
    pki_init(&world->pki);
    *state = world;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *world = *state;

    folder_remove(world->dir);
    pki_deinit(&world->pki);
    free(world);
    return 0;
}

/* An identity for `uri` under `issuer`, with `anchors` for its peers. */
static struct identity *make_identity(struct world *world, const struct pki *issuer,
                                      const struct pki *anchors, const char *uri, int64_t seconds)
{
    char paths[3][FOLDER_PATH_CAP + 16];
    static const char *const names[] = {"cert.pem", "key.pem", "bundle.pem"};
    struct identity *identity = NULL;
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    struct err err;
    FILE *file = NULL;

    for (size_t i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", world->dir, names[i]);
    }
    pki_leaf(issuer, uri, seconds, &leaf, &key);
    file = fopen(paths[0], "w");
    assert_true(PEM_write_X509(file, leaf) == 1 && PEM_write_X509(file, issuer->ca) == 1);
    fclose(file);
    file = fopen(paths[1], "w");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    file = fopen(paths[2], "w");
    assert_int_equal(PEM_write_X509(file, anchors->ca), 1);
    fclose(file);
    if (identity_load_files(paths[0], paths[1], paths[2], &identity, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return identity;
}

/* A generation with one route that lets in `admitted`; takes `identity`. */
static struct generation *make(struct identity *identity, bool egress, const char *admitted,
                               const char *alpn)
{
    const char *const spiffe[] = {admitted};
    const char *const allow[] = {"friend"};
    const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    const struct generation_route route = {"route", egress, allow, 1, alpn};
    struct err err;
    struct generation *generation = generation_new(1, identity, &rule, 1, &route, 1, &err);

    if (generation == NULL) {
        fail_msg("%s", err.msg);
    }
    identity_unref(identity);
    return generation;
}

struct side {
    struct tls *tls;
    struct buf wire;
    uint8_t storage[WIRE_CAP];
    enum tls_status status;
    struct err err;
};

struct pair {
    struct side client;
    struct side server;
};

static void step(struct side *to, struct side *from)
{
    struct tls_io io = {.in = {from->wire.data, from->wire.len}, .out = &to->wire};
    uint8_t plain[256];
    size_t got = 0;

    if (to->status == TLS_WANT_MORE) {
        to->status = tls_handshake(to->tls, &io, &to->err);
    } else if (to->status == TLS_OK && io.in.len > 0) {
        /* An alert comes to light at the first read. */
        enum tls_status status = tls_read(to->tls, &io, plain, sizeof(plain), &got, &to->err);

        to->status = status == TLS_WANT_MORE ? TLS_OK : status;
    }
    from->wire.len = 0;
}

/* A handshake to its end, for better or worse; the pair is the caller's. */
static struct pair *shake(SSL_CTX *client, SSL_CTX *server)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    assert_non_null(pair);
    pair->client.wire = buf_over(pair->client.storage, WIRE_CAP);
    pair->server.wire = buf_over(pair->server.storage, WIRE_CAP);
    pair->client.tls = tls_new_client(client, NULL);
    pair->server.tls = tls_new_server(server);
    assert_true(pair->client.tls != NULL && pair->server.tls != NULL);
    pair->client.status = TLS_WANT_MORE;
    pair->server.status = TLS_WANT_MORE;
    for (int i = 0; i < 4; i++) {
        step(&pair->client, &pair->server);
        step(&pair->server, &pair->client);
    }
    step(&pair->client, &pair->server);
    return pair;
}

static void pair_free(struct pair *pair)
{
    tls_free(pair->client.tls);
    tls_free(pair->server.tls);
    free(pair);
}

static void two_welcome_peers_learn_who_the_other_is(void **state)
{
    struct world *world = *state;
    struct generation *server =
        make(make_identity(world, &world->pki, &world->pki, SERVER, 3600), false, CLIENT, NULL);
    struct generation *client =
        make(make_identity(world, &world->pki, &world->pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = shake(generation_ctx(client, 0), generation_ctx(server, 0));
    const struct authz_rule *rule = NULL;
    const struct svid *peer = generation_peer(tls_ssl(pair->server.tls), &rule);

    assert_int_equal(pair->server.status, TLS_OK);
    assert_int_equal(pair->client.status, TLS_OK);
    assert_non_null(peer);
    assert_string_equal(peer->spiffe, CLIENT);
    assert_string_equal(rule->name, "friend");
    assert_string_equal(generation_peer(tls_ssl(pair->client.tls), &rule)->spiffe, SERVER);
    assert_null(generation_refusal(tls_ssl(pair->server.tls)));
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
    struct pair *pair = shake(generation_ctx(client, 0), generation_ctx(server, 0));
    const struct authz_rule *rule = NULL;
    const char *refusal = generation_refusal(tls_ssl(pair->server.tls));

    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(tls_failure(pair->server.tls), TLS_FAILURE_ALERT_SENT);
    assert_int_equal(pair->client.status, TLS_FAILED);
    assert_int_equal(tls_failure(pair->client.tls), TLS_FAILURE_ALERT_RECEIVED);
    assert_int_equal(tls_alert(pair->client.tls), alert);
    assert_null(generation_peer(tls_ssl(pair->server.tls), &rule));
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

static struct generation *good_server(struct world *world)
{
    return make(make_identity(world, &world->pki, &world->pki, SERVER, 3600), false, CLIENT, NULL);
}

static void a_peer_without_a_rule_gets_bad_certificate(void **state)
{
    struct world *world = *state;
    struct identity *identity =
        make_identity(world, &world->pki, &world->pki, "spiffe://prod.example/snp/clien", 3600);

    expect_client_refused(make(identity, true, SERVER, NULL), good_server(world),
                          SSL_AD_BAD_CERTIFICATE,
                          "no rule admits spiffe://prod.example/snp/clien: spiffe");
}

static void an_expired_peer_gets_certificate_expired(void **state)
{
    struct world *world = *state;
    struct identity *identity = make_identity(world, &world->pki, &world->pki, CLIENT, -1);

    expect_client_refused(make(identity, true, SERVER, NULL), good_server(world),
                          SSL_AD_CERTIFICATE_EXPIRED, "expired");
}

static void a_peer_of_another_issuer_gets_unknown_ca(void **state)
{
    struct world *world = *state;
    struct pki other;
    struct identity *identity = NULL;

    pki_init(&other);
    identity = make_identity(world, &other, &world->pki, CLIENT, 3600);
    expect_client_refused(make(identity, true, SERVER, NULL), good_server(world), SSL_AD_UNKNOWN_CA,
                          "");
    pki_deinit(&other);
}

/* The client is a bare context here: a generation of that domain would refuse the server first. */
static void a_peer_of_another_trust_domain_is_refused(void **state)
{
    struct world *world = *state;
    struct generation *server = good_server(world);
    struct pair *pair = NULL;
    SSL_CTX *client = NULL;
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;

    pki_leaf(&world->pki, "spiffe://other.example/snp/client", 3600, &leaf, &key);
    client = pki_ctx(&world->pki, leaf, key);
    pair = shake(client, generation_ctx(server, 0));
    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(pair->client.status, TLS_FAILED);
    assert_non_null(strstr(generation_refusal(tls_ssl(pair->server.tls)), "trust domain"));
    pair_free(pair);
    SSL_CTX_free(client);
    X509_free(leaf);
    EVP_PKEY_free(key);
    generation_unref(server);
}

static void a_client_without_a_certificate_gets_certificate_required(void **state)
{
    struct world *world = *state;
    struct generation *server = good_server(world);
    SSL_CTX *bare = pki_ctx(&world->pki, NULL, NULL);
    struct pair *pair = shake(bare, generation_ctx(server, 0));

    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(tls_alert(pair->client.tls), SSL_AD_CERTIFICATE_REQUIRED);
    pair_free(pair);
    SSL_CTX_free(bare);
    generation_unref(server);
}

static void a_client_refuses_a_server_that_it_does_not_expect(void **state)
{
    struct world *world = *state;
    struct generation *server = good_server(world);
    struct generation *client = make(make_identity(world, &world->pki, &world->pki, CLIENT, 3600),
                                     true, "spiffe://prod.example/snp/database", NULL);
    struct pair *pair = shake(generation_ctx(client, 0), generation_ctx(server, 0));

    assert_int_equal(pair->client.status, TLS_FAILED);
    assert_non_null(strstr(generation_refusal(tls_ssl(pair->client.tls)), SERVER));
    assert_int_not_equal(pair->server.status, TLS_OK);
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

static void tls_1_2_is_refused(void **state)
{
    struct world *world = *state;
    struct generation *server = good_server(world);
    struct generation *client =
        make(make_identity(world, &world->pki, &world->pki, CLIENT, 3600), true, SERVER, NULL);
    SSL_CTX *ctx = generation_ctx(client, 0);
    struct pair *pair = NULL;

    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    pair = shake(ctx, generation_ctx(server, 0));
    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(tls_alert(pair->client.tls), SSL_AD_PROTOCOL_VERSION);
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

static void no_ticket_is_ever_sent(void **state)
{
    struct world *world = *state;
    struct generation *server = good_server(world);
    struct generation *client =
        make(make_identity(world, &world->pki, &world->pki, CLIENT, 3600), true, SERVER, NULL);
    struct pair *pair = shake(generation_ctx(client, 0), generation_ctx(server, 0));

    assert_int_equal(pair->client.status, TLS_OK);
    assert_int_equal(SSL_SESSION_is_resumable(SSL_get_session(tls_ssl(pair->client.tls))), 0);
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

static void application_protocols_overlap_or_the_handshake_fails(void **state)
{
    static const struct {
        const char *server;
        const char *client;
        const char *chosen; /* NULL: refused; "": none */
    } rows[] = {
        {"h2", "http/1.1,h2", "h2"},
        {"h2,http/1.1", "http/1.1,h2", "h2"},
        {"h2", "http/1.1", NULL},
        {"h2", NULL, ""},
        {NULL, "h2", ""},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct generation *server =
            make(make_identity(world, &world->pki, &world->pki, SERVER, 3600), false, CLIENT,
                 rows[i].server);
        struct generation *client =
            make(make_identity(world, &world->pki, &world->pki, CLIENT, 3600), true, SERVER,
                 rows[i].client);
        struct pair *pair = shake(generation_ctx(client, 0), generation_ctx(server, 0));
        const unsigned char *name = NULL;
        unsigned len = 0;

        SSL_get0_alpn_selected(tls_ssl(pair->client.tls), &name, &len);
        if (rows[i].chosen == NULL) {
            assert_int_equal(pair->server.status, TLS_FAILED);
            assert_int_equal(tls_alert(pair->client.tls), SSL_AD_NO_APPLICATION_PROTOCOL);
        } else {
            assert_int_equal(pair->server.status, TLS_OK);
            assert_int_equal(len, strlen(rows[i].chosen));
            assert_memory_equal(name != NULL ? (const char *)name : "", rows[i].chosen, len);
        }
        pair_free(pair);
        generation_unref(client);
        generation_unref(server);
    }
}

static void it_is_valid_until_our_own_leaf_expires(void **state)
{
    struct world *world = *state;
    struct generation *generation = good_server(world);
    int64_t not_after = generation_not_after(generation);

    assert_true(generation_valid(generation, generation_now(generation)));
    assert_true(generation_valid(generation, not_after - 1));
    assert_false(generation_valid(generation, not_after));
    generation_unref(generation);
}

static void without_an_identity_there_is_no_context(void **state)
{
    struct generation *generation = make(NULL, false, CLIENT, NULL);

    assert_false(generation_valid(generation, 0));
    assert_null(generation_ctx(generation, 0));
    assert_int_equal(generation_not_after(generation), 0);
    generation_unref(generation);
}

static void live_peers_are_judged_by_the_new_rules(void **state)
{
    struct svid peer = {.spiffe = CLIENT};
    struct generation *before = make(NULL, false, CLIENT, NULL);
    struct generation *after = make(NULL, false, SERVER, NULL);

    assert_non_null(generation_allows(before, 0, &peer));
    assert_null(generation_allows(after, 0, &peer));
    generation_unref(before);
    generation_unref(after);
}

static void a_route_that_names_a_missing_peer_is_an_error(void **state)
{
    const char *const allow[] = {"nobody"};
    const struct generation_route route = {"api", false, allow, 1, NULL};
    struct err err;

    assert_null(generation_new(1, NULL, NULL, 0, &route, 1, &err));
    assert_string_equal(err.msg, "api: no [peer nobody]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_welcome_peers_learn_who_the_other_is),
        cmocka_unit_test(a_peer_without_a_rule_gets_bad_certificate),
        cmocka_unit_test(an_expired_peer_gets_certificate_expired),
        cmocka_unit_test(a_peer_of_another_issuer_gets_unknown_ca),
        cmocka_unit_test(a_peer_of_another_trust_domain_is_refused),
        cmocka_unit_test(a_client_without_a_certificate_gets_certificate_required),
        cmocka_unit_test(a_client_refuses_a_server_that_it_does_not_expect),
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(no_ticket_is_ever_sent),
        cmocka_unit_test(application_protocols_overlap_or_the_handshake_fails),
        cmocka_unit_test(it_is_valid_until_our_own_leaf_expires),
        cmocka_unit_test(without_an_identity_there_is_no_context),
        cmocka_unit_test(live_peers_are_judged_by_the_new_rules),
        cmocka_unit_test(a_route_that_names_a_missing_peer_is_an_error),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
