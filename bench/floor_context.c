/*
 * Floor context: one SSL_CTX, with the chain and the trust store told rather than looked for.
 */
#include "bench/floor_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/err.h"
#include "common/tls.h"

static bool require_clients(SSL_CTX *ctx, const char *authority)
{
    X509_STORE *store = X509_STORE_new();
    bool done = store != NULL && X509_STORE_load_file(store, authority) == 1 &&
                X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                SSL_CTX_set1_verify_cert_store(ctx, store) == 1;

    X509_STORE_free(store);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return done;
}

SSL_CTX *floor_context_new(const char *certificate, const char *key, const char *authority,
                           struct err *err)
{
    SSL_CTX *ctx = NULL;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        !require_clients(ctx, authority)) {
        err_set_openssl(err, ERR_INVALID, "TLS context");
        SSL_CTX_free(ctx);
        return NULL;
    }
    tls_restrict(ctx);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    return ctx;
}
