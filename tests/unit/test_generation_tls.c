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
    pair = pair_shake(ctx, generation_ctx(server, 0));
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
    struct pair *pair = pair_shake(generation_ctx(client, 0), generation_ctx(server, 0));

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
    const struct pki *pki = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct generation *server = party(identity_of(pki, SERVER), false, CLIENT, rows[i].server);
        struct generation *client = party(identity_of(pki, CLIENT), true, SERVER, rows[i].client);
        struct pair *pair = pair_shake(generation_ctx(client, 0), generation_ctx(server, 0));
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
        cmocka_unit_test(application_protocols_overlap_or_the_handshake_fails),
    };

    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
