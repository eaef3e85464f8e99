/*
 * Context: one SSL_CTX.
 */
#include "ca/context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/err.h"
#include "common/tls.h"

#define GROUPS "X25519:P-256:P-384"
/* Of keys that we certify: whoever shows another costs us no signature to verify. */
#define CLIENT_ALGORITHMS "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519"
#define CERT_LIST_MAX 16384 /* bytes: a client has no business to send a chain */

/* Whose certificate a client shows is judged with its request (ca/renewal.h), and most show none:
   the handshake only proves that it holds the key. */
static int judge_later(X509_STORE_CTX *chain, void *user)
{
    return 1;
}

SSL_CTX *context_new(X509 *cert, EVP_PKEY *key, bool allow_1_2, struct err *err)
{
    /* Arrays: OpenSSL's macro casts the qualifier of a literal away, which clang rightly minds. */
    char groups[] = GROUPS;
    char client_algorithms[] = CLIENT_ALGORITHMS;
    char groups_with_hybrid[] = "X25519MLKEM768:" GROUPS;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    ERR_clear_error();
    if (ctx == NULL ||
        SSL_CTX_set_min_proto_version(ctx, allow_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1) {
        goto fail;
    }
    if (SSL_CTX_set1_groups_list(ctx, groups_with_hybrid) != 1) {
        ERR_clear_error(); /* before OpenSSL 3.5 the first one is unknown */
        if (SSL_CTX_set1_groups_list(ctx, groups) != 1) {
            goto fail;
        }
    }
    tls_restrict(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, judge_later, NULL);
    if (SSL_CTX_set1_client_sigalgs_list(ctx, client_algorithms) != 1) {
        goto fail;
    }
    if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
        SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1) {
        return ctx;
    }
fail:
    err_set_openssl(err, ERR_INVALID, "TLS context");
    SSL_CTX_free(ctx);
    return NULL;
}
