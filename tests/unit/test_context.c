/*
 * Tests of context: the settings of a route's TLS, by what a peer meets where it can meet them.
 */
#include "proxy/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "ca-client/enrol.h"
#include "ca-client/identity.h"
#include "common/err.h"
#include "tests/lib/member.h"
#include "tests/lib/pair.h"
#include "tests/lib/pki.h"

#define SERVER "spiffe://prod.example/snp/server"
#define CLIENT "spiffe://prod.example/snp/client"

static int setup(void **state)
{
    static struct pki pki;

    pki_init(&pki);
    *state = &pki;
    return 0;
}

static int teardown(void **state)
{
    pki_deinit(*state);
    return 0;
}

static SSL_CTX *context(const struct pki *pki, bool egress)
{
    struct identity *identity = member_identity(
        &(struct member){.issuer = pki, .uri = egress ? CLIENT : SERVER, .seconds = 3600});
    struct err err;
    SSL_CTX *ctx = context_new(NULL, identity, egress, NULL, &err);

    assert_non_null(ctx);
    /* Whom generation.c would ask; here the path alone decides. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    identity_unref(identity);
    return ctx;
}

static void both_sides_have_the_settings(void **state)
{
    static const uint64_t options = SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
                                    | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
#endif
        ;
    static const long modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN;

    for (int egress = 0; egress < 2; egress++) {
        SSL_CTX *ctx = context(*state, egress == 1);
        STACK_OF(X509) *chain = NULL;

        assert_int_equal(SSL_CTX_get_options(ctx) & options, options);
        assert_int_equal(SSL_CTX_get_mode(ctx) & modes, modes);
        assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_3_VERSION);
        assert_int_equal(SSL_CTX_get_max_proto_version(ctx), 0); /* the newest there is */
        assert_int_equal(SSL_CTX_get_session_cache_mode(ctx), SSL_SESS_CACHE_OFF);
        assert_int_equal(SSL_CTX_get_num_tickets(ctx), 0);
        assert_int_equal(SSL_CTX_get_security_level(ctx), 2);
        assert_int_equal(SSL_CTX_get_verify_mode(ctx),
                         SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
        assert_int_equal(SSL_CTX_get_max_cert_list(ctx), 16384);
        /* The trust store is no source of our chain: what is presented was set. */
        assert_int_equal(SSL_CTX_get0_chain_certs(ctx, &chain), 1);
        assert_int_equal(sk_X509_num(chain), 1);
        assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx))),
                         0);
        SSL_CTX_free(ctx);
    }
}

/* A client that the server would welcome, for a test to spoil; `curve` is its key's. */
static SSL_CTX *client(const struct pki *pki, const char *curve)
{
    EVP_PKEY *other = EVP_EC_gen(curve);
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    SSL_CTX *ctx = NULL;

    pki_leaf(pki, CLIENT, 3600, &leaf, &key);
    assert_true(other != NULL && X509_set_pubkey(leaf, other) == 1);
    pki_sign(pki, leaf);
    ctx = pki_ctx(pki, leaf, other);
    X509_free(leaf);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return ctx;
}

static void keys_of_other_curves_than_ours_do_not_sign(void **state)
{
    static const struct {
        const char *curve;
        int alert; /* -1: welcome */
    } rows[] = {
        {"P-256", -1},
        {"P-384", -1},
        {"P-521", SSL_AD_CERTIFICATE_REQUIRED}, /* the client has none to answer with */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SSL_CTX *server = context(*state, false);
        SSL_CTX *peer = client(*state, rows[i].curve);
        struct pair *pair = pair_shake(peer, server);

        if (rows[i].alert == -1) {
            assert_int_equal(pair->server.status, TLS_OK);
        } else {
            pair_expect_client_refused(pair, rows[i].alert);
        }
        pair_free(pair);
        SSL_CTX_free(peer);
        SSL_CTX_free(server);
    }
}

static void an_identity_that_could_not_sign_is_refused(void **state)
{
    static const struct {
        const char *curve;
        bool good;
    } rows[] = {{"P-256", true}, {"P-384", true}, {"P-521", false}};
    const struct pki *pki = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct identity_parts parts = {.issuer = pki->ca, .anchors = X509_STORE_new()};
        EVP_PKEY *first = NULL;
        struct identity *identity = NULL;
        SSL_CTX *ctx = NULL;
        struct err err = {0};

        pki_leaf(pki, SERVER, 3600, &parts.leaf, &first);
        parts.key = EVP_EC_gen(rows[i].curve);
        assert_true(parts.key != NULL && X509_set_pubkey(parts.leaf, parts.key) == 1);
        pki_sign(pki, parts.leaf);
        identity = identity_new(&parts, &err);
        assert_non_null(identity);
        ctx = context_new(NULL, identity, i % 2 == 1, NULL, &err);
        assert_int_equal(ctx != NULL, rows[i].good);
        assert_int_equal(err.code == ERR_INVALID, !rows[i].good);
        SSL_CTX_free(ctx);
        identity_unref(identity);
        X509_STORE_free(parts.anchors);
        X509_free(parts.leaf);
        EVP_PKEY_free(parts.key);
        EVP_PKEY_free(first);
    }
}

static void junk_behind_a_leaf_is_cut_off(void **state)
{
    static const struct {
        int num_junk; /* certificates of about 400 bytes */
        int alert;
    } rows[] = {{20, -1}, {60, SSL_AD_ILLEGAL_PARAMETER}};
    const struct pki *pki = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SSL_CTX *server = context(pki, false);
        SSL_CTX *peer = client(pki, "P-256");
        struct pair *pair = NULL;

        for (int k = 0; k < rows[i].num_junk; k++) {
            assert_int_equal(SSL_CTX_add1_chain_cert(peer, pki->ca), 1);
        }
        pair = pair_shake(peer, server);
        if (rows[i].alert == -1) {
            assert_int_equal(pair->server.status, TLS_OK);
        } else {
            pair_expect_client_refused(pair, rows[i].alert);
        }
        pair_free(pair);
        SSL_CTX_free(peer);
        SSL_CTX_free(server);
    }
}

static void two_groups_are_spoken_everywhere_and_no_weaker_ones(void **state)
{
    static const struct {
        char groups[32];
        bool spoken;
    } rows[] = {{"X25519", true}, {"P-256", true}, {"P-521", false}, {"ffdhe2048", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SSL_CTX *server = context(*state, false);
        SSL_CTX *peer = client(*state, "P-256");
        struct pair *pair = NULL;
        char groups[sizeof(rows[i].groups)];

        memcpy(groups, rows[i].groups, sizeof(groups));
        assert_int_equal(SSL_CTX_set1_groups_list(peer, groups), 1);
        pair = pair_shake(peer, server);
        if (rows[i].spoken) {
            assert_int_equal(pair->server.status, TLS_OK);
        } else {
            pair_expect_client_refused(pair, SSL_AD_HANDSHAKE_FAILURE);
        }
        pair_free(pair);
        SSL_CTX_free(peer);
        SSL_CTX_free(server);
    }
}

static void names_that_do_not_fit_are_refused(void **state)
{
    static const char *const rows[] = {"", ",", "h2,,h3"};
    struct identity *identity =
        member_identity(&(struct member){.issuer = *state, .uri = SERVER, .seconds = 3600});
    char name[300];
    struct err err;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(context_new(NULL, identity, true, rows[i], &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    memset(name, 'h', sizeof(name));
    name[256] = '\0';
    assert_null(context_new(NULL, identity, true, name, &err));
    assert_null(context_new(NULL, identity, false, name, &err));
    identity_unref(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_have_the_settings),
        cmocka_unit_test(keys_of_other_curves_than_ours_do_not_sign),
        cmocka_unit_test(an_identity_that_could_not_sign_is_refused),
        cmocka_unit_test(junk_behind_a_leaf_is_cut_off),
        cmocka_unit_test(two_groups_are_spoken_everywhere_and_no_weaker_ones),
        cmocka_unit_test(names_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
