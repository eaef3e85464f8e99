/*
 * What TLS a generation speaks: versions, tickets, application protocols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/ssl.h>

#include "common/tls.h"
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

static struct identity *identity_of(const struct pki *pki, const char *uri)
{
    return member_identity(&(struct member){.issuer = pki, .uri = uri, .seconds = 3600});
}

static void r11_tls_1_2_is_refused(void **state)
{
    const struct pki *pki = *state;
    struct generation *server = party(identity_of(pki, SERVER), false, CLIENT, NULL);
    struct generation *client = party(identity_of(pki, CLIENT), true, SERVER, NULL);
    SSL_CTX *ctx = generation_ctx(client, 0);
    struct pair *pair = NULL;

    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    pair = party_shake(client, server);
    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(tls_alert(pair->client.tls), SSL_AD_PROTOCOL_VERSION);
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

static void r11_no_ticket_is_ever_sent(void **state)
{
    const struct pki *pki = *state;
    struct generation *server = party(identity_of(pki, SERVER), false, CLIENT, NULL);
    struct generation *client = party(identity_of(pki, CLIENT), true, SERVER, NULL);
    struct pair *pair = party_shake(client, server);

    assert_int_equal(pair->client.status, TLS_OK);
    assert_int_equal(SSL_SESSION_is_resumable(SSL_get_session(tls_ssl(pair->client.tls))), 0);
    pair_free(pair);
    generation_unref(client);
    generation_unref(server);
}

/* Has a server give and take tickets, which no setting of ours does. */
static void allow_tickets(SSL_CTX *ctx)
{
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
    assert_int_equal(SSL_CTX_set_num_tickets(ctx, 1), 1);
    assert_int_equal(SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"r13", 3), 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
}

static void r13_nothing_is_resumed_though_the_ticket_is_good(void **state)
{
    static const struct {
        bool allowed;
        int reused;
    } rows[] = {{true, 1}, {false, 0}}; /* the first shows that the ticket is good */
    const struct pki *pki = *state;
    struct generation *client = party(identity_of(pki, CLIENT), true, SERVER, NULL);
    uint8_t keys[80] = {1};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct generation *giving = party(identity_of(pki, SERVER), false, CLIENT, NULL);
        struct generation *next = party(identity_of(pki, SERVER), false, CLIENT, NULL);
        SSL_CTX *ctx = generation_ctx(next, 0);
        struct pair *first = NULL;
        struct pair *pair = NULL;
        SSL_SESSION *session = NULL;

        allow_tickets(generation_ctx(giving, 0));
        if (rows[i].allowed) {
            allow_tickets(ctx);
        }
        assert_int_equal(
            SSL_CTX_set_tlsext_ticket_keys(generation_ctx(giving, 0), keys, sizeof(keys)), 1);
        assert_int_equal(SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof(keys)), 1);
        first = party_shake(client, giving);
        session = SSL_get1_session(tls_ssl(first->client.tls));
        assert_int_equal(SSL_SESSION_is_resumable(session), 1);
        pair = party_pair(client, next, NULL);
        assert_int_equal(SSL_set_session(tls_ssl(pair->client.tls), session), 1);
        pair_run(pair);
        assert_int_equal(pair->server.status, TLS_OK);
        assert_int_equal(SSL_session_reused(tls_ssl(pair->server.tls)), rows[i].reused);
        SSL_SESSION_free(session);
        pair_free(pair);
        pair_free(first); /* an end without close_notify would have spoilt the session */
        generation_unref(giving);
        generation_unref(next);
    }
    generation_unref(client);
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
    const struct pki *pki = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct generation *server = party(identity_of(pki, SERVER), false, CLIENT, rows[i].server);
        struct generation *client = party(identity_of(pki, CLIENT), true, SERVER, rows[i].client);
        struct pair *pair = party_shake(client, server);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r11_tls_1_2_is_refused),
        cmocka_unit_test(r11_no_ticket_is_ever_sent),
        cmocka_unit_test(r13_nothing_is_resumed_though_the_ticket_is_good),
        cmocka_unit_test(application_protocols_overlap_or_the_handshake_fails),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
