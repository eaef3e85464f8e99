/*
 * Tests of algorithms: what is there, what is not, and which peers a handshake with only that can
 * take.
 */
#include "proxy/algorithms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "proxy/context.h"
#include "tests/lib/member.h"
#include "tests/lib/pair.h"
#include "tests/lib/pki.h"

#define SERVER "spiffe://prod.example/snp/server"
#define CLIENT "spiffe://prod.example/snp/client"

static int setup(void **state)
{
    struct err err;

    *state = algorithms_new(&err);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    algorithms_free(*state);
    return 0;
}

/* SHA-1 identifies certificates; MD5 is one of those that a full list has. */
static void old_names_are_those_of_signatures(void **state)
{
    assert_non_null(EVP_get_digestbyname("SHA1"));
    assert_non_null(EVP_get_digestbyname("SHA256"));
    assert_non_null(EVP_get_digestbyname("RSA-SHA384"));
    assert_non_null(EVP_get_digestbyname("SHA512"));
    assert_null(EVP_get_digestbyname("MD5"));
    assert_null(EVP_get_cipherbyname("AES-256-CBC"));
}

static void what_tls_needs_is_there_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        bool is_there;
    } digests[] = {{"SHA2-256", true}, {"SHA2-384", true}, {"MD5", false}, {"SM3", false}},
      ciphers[] = {{"AES-256-GCM", true},
                   {"ChaCha20-Poly1305", true},
                   {"AES-256-CBC", false},
                   {"NULL", false}},
      keys[] = {{"EC", true},     {"RSA", true}, {"ED25519", true}, {"DSA", false},
                {"ED448", false}, {"DH", false}, {"SM2", false}};
    OSSL_LIB_CTX *context = algorithms_context(*state);

    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        EVP_MD *found = EVP_MD_fetch(context, digests[i].name, NULL);

        assert_int_equal(found != NULL, digests[i].is_there);
        EVP_MD_free(found);
    }
    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        EVP_CIPHER *found = EVP_CIPHER_fetch(context, ciphers[i].name, NULL);

        assert_int_equal(found != NULL, ciphers[i].is_there);
        EVP_CIPHER_free(found);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(context, keys[i].name, NULL);

        assert_int_equal(found != NULL, keys[i].is_there);
        EVP_KEYMGMT_free(found);
    }
}

static void count_decoder(OSSL_DECODER *decoder, void *arg)
{
    size_t *num = arg;

    (*num)++;
}

static void a_peers_key_meets_few_decoders(void **state)
{
    size_t num = 0;

    OSSL_DECODER_do_all_provided(algorithms_context(*state), count_decoder, &num);
    assert_in_range(num, 3, 4);
}

/* A key of the kind that a row of the test below names. */
static EVP_PKEY *make_key(const char *kind, const char *detail)
{
    EVP_PKEY *key = NULL;

    if (strcmp(kind, "RSA") == 0) {
        key = EVP_RSA_gen(2048);
    } else if (strcmp(kind, "EC") == 0) {
        key = EVP_EC_gen(detail);
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    }
    assert_non_null(key);
    return key;
}

static SSL_CTX *peer_with(const struct pki *pki, EVP_PKEY *key)
{
    EVP_PKEY *unused = NULL;
    X509 *leaf = NULL;
    SSL_CTX *ctx = NULL;

    pki_leaf(pki, CLIENT, 3600, &leaf, &unused);
    assert_int_equal(X509_set_pubkey(leaf, key), 1);
    pki_sign(pki, leaf);
    ctx = pki_ctx(pki, leaf, key);
    X509_free(leaf);
    EVP_PKEY_free(unused);
    return ctx;
}

static SSL_CTX *ours(struct algorithms *algorithms, const struct pki *pki, bool egress)
{
    struct identity *identity = member_identity(
        &(struct member){.issuer = pki, .uri = egress ? CLIENT : SERVER, .seconds = 3600});
    struct err err;
    SSL_CTX *ctx = context_new(algorithms_context(algorithms), identity, egress, NULL, &err);

    assert_non_null(ctx);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    identity_unref(identity);
    return ctx;
}

static void peers_of_every_kind_that_we_name_are_taken(void **state)
{
    static const struct {
        const char *kind;
        const char *detail;
        bool is_taken;
    } rows[] = {
        {"EC", "P-256", true},      {"EC", "P-384", true},  {"ED25519", NULL, true},
        {"RSA", NULL, true},        {"EC", "P-521", false}, {"ED448", NULL, false},
        {"EC", "secp256k1", false},
    };
    struct pki pki;

    pki_init(&pki);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        bool egress = i % 2 == 1;
        EVP_PKEY *key = make_key(rows[i / 2].kind, rows[i / 2].detail);
        SSL_CTX *peer = peer_with(&pki, key);
        SSL_CTX *own = ours(*state, &pki, egress);
        struct pair *pair = egress ? pair_shake(own, peer) : pair_shake(peer, own);
        enum tls_status status = egress ? pair->client.status : pair->server.status;

        assert_int_equal(status, rows[i / 2].is_taken ? TLS_OK : TLS_FAILED);
        pair_free(pair);
        SSL_CTX_free(own);
        SSL_CTX_free(peer);
        EVP_PKEY_free(key);
    }
    pki_deinit(&pki);
}

/* A leaf, as `context` sees it, with a signature of `key`; the caller's. */
static X509 *signed_with(EVP_PKEY *key, const char *digest, bool pss, OSSL_LIB_CTX *context)
{
    X509 *cert = NULL;
    X509 *copy = X509_new_ex(context, NULL);
    EVP_PKEY *unused = NULL;
    EVP_MD_CTX *signer = EVP_MD_CTX_new();
    EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
    EVP_PKEY_CTX *options = NULL;
    unsigned char *der = NULL;
    const unsigned char *at = NULL;
    struct pki pki;
    int len = 0;

    pki_init(&pki);
    pki_leaf(&pki, CLIENT, 3600, &cert, &unused);
    assert_int_equal(EVP_DigestSignInit(signer, &options, md, NULL, key), 1);
    if (pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_in_range(X509_sign_ctx(cert, signer), 1, 4096);
    len = i2d_X509(cert, &der);
    at = der;
    assert_ptr_equal(d2i_X509(&copy, &at, len), copy);
    OPENSSL_free(der);
    EVP_MD_free(md);
    EVP_MD_CTX_free(signer);
    X509_free(cert);
    EVP_PKEY_free(unused);
    pki_deinit(&pki);
    return copy;
}

/* Who issues a certificate chooses the digest; OpenSSL's security level 2 takes those of 112 bits
   and more. */
static void certificates_signed_with_any_strong_digest_are_verified(void **state)
{
    static const struct {
        const char *digest;
        bool rsa; /* the issuer's key */
        bool pss;
    } rows[] = {
        {"SHA2-224", false, false},   {"SHA2-512", false, false},   {"SHA2-224", true, false},
        {"SHA2-384", true, false},    {"SHA3-224", true, false},    {"SHA3-256", true, false},
        {"SHA3-384", true, false},    {"SHA3-512", true, false},    {"SHA2-256", true, true},
        {"SHA2-512/224", true, true}, {"SHA2-512/256", true, true},
    };
    EVP_PKEY *keys[] = {make_key("EC", "P-256"), make_key("RSA", NULL)};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = keys[rows[i].rsa];
        X509 *cert = signed_with(key, rows[i].digest, rows[i].pss, algorithms_context(*state));
        int bits = 0;

        print_message("  row %zu\n", i);
        assert_int_equal(X509_verify(cert, key), 1);
        assert_int_equal(X509_get_signature_info(cert, NULL, NULL, &bits, NULL), 1);
        assert_in_range(bits, 112, 256);
        X509_free(cert);
    }
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}

static void two_lists_live_side_by_side(void **state)
{
    struct err err;
    struct algorithms *second = algorithms_new(&err);
    EVP_MD *digest = NULL;

    assert_non_null(second);
    assert_ptr_not_equal(algorithms_context(second), algorithms_context(*state));
    digest = EVP_MD_fetch(algorithms_context(second), "SHA2-256", NULL);
    assert_non_null(digest);
    EVP_MD_free(digest);
    algorithms_free(second);
    digest = EVP_MD_fetch(algorithms_context(*state), "SHA2-512", NULL);
    assert_non_null(digest);
    EVP_MD_free(digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_names_are_those_of_signatures),
        cmocka_unit_test(what_tls_needs_is_there_and_nothing_else),
        cmocka_unit_test(a_peers_key_meets_few_decoders),
        cmocka_unit_test(peers_of_every_kind_that_we_name_are_taken),
        cmocka_unit_test(certificates_signed_with_any_strong_digest_are_verified),
        cmocka_unit_test(two_lists_live_side_by_side),
    };
    struct err err;

    if (algorithms_begin(&err) != 0) { /* what follows shows that it is enough */
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
