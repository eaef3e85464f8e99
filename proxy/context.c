/*
 * Context: settings that every connection of a route shares (spec/data-path.md section 5).
 */
#include "proxy/context.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/tls.h"

#define CERT_LIST_MAX 16384 /* bytes: a leaf with 190 junk certificates costs 0.9 MB otherwise */
#define ALPN_MAX 256        /* bytes in wire form */
#define EC_BITS_MAX 384     /* of the curves among the signatures of set_protocol() */

/* Names with commas between to length-prefixed names; 0 if they do not fit. */
static unsigned alpn_wire(const char *names, unsigned char out[static ALPN_MAX])
{
    unsigned len = 0;

    while (*names != '\0') {
        size_t name = strcspn(names, ",");

        if (name == 0 || name > 255 || len + 1 + name > ALPN_MAX) {
            return 0;
        }
        out[len++] = (unsigned char)name;
        memcpy(out + len, names, name);
        len += (unsigned)name;
        names += name + (names[name] == ',' ? 1 : 0);
    }
    return len;
}

/* The server chooses by its own order; no overlap is fatal. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *arg)
{
    unsigned char ours[ALPN_MAX];
    unsigned len = alpn_wire(arg, ours);
    unsigned char *chosen = NULL;

    if (SSL_select_next_proto(&chosen, out_len, ours, len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    /* The answer must not lie in `ours`: take the client's own spelling of it. */
    for (unsigned i = 0; i + 1 + *out_len <= offered_len; i += 1U + offered[i]) {
        if (offered[i] == *out_len && memcmp(offered + i + 1, chosen, *out_len) == 0) {
            *out = offered + i + 1;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void free_names(void *parent, void *names, CRYPTO_EX_DATA *all, int index, long argl,
                       void *argp)
{
    free(names);
}

static CRYPTO_ONCE index_once = CRYPTO_ONCE_STATIC_INIT;
static int names_index = -1;

static void make_index(void)
{
    names_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_names);
}

/* Takes `names` (may be NULL), even when it fails: connections keep the context beyond whoever made
   it. */
static bool keep_names(SSL_CTX *ctx, char *names)
{
    if (names == NULL || (CRYPTO_THREAD_run_once(&index_once, make_index) == 1 &&
                          SSL_CTX_set_ex_data(ctx, names_index, names) == 1)) {
        return true;
    }
    free(names);
    return false;
}

static bool set_alpn(SSL_CTX *ctx, bool egress, const char *alpn)
{
    unsigned char wire[ALPN_MAX];
    unsigned len = 0;

    if (alpn == NULL) {
        return true;
    }
    len = alpn_wire(alpn, wire);
    if (len == 0) {
        return false;
    }
    if (egress) {
        return SSL_CTX_set_alpn_protos(ctx, wire, len) == 0; /* 0 is success here */
    }
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, (void *)(uintptr_t)alpn);
    return true;
}

static bool set_groups(SSL_CTX *ctx)
{
    /* Arrays, because the macro that takes them casts const away. */
    char groups[] = "X25519MLKEM768:X25519:P-256";
    char groups_without_mlkem[] = "X25519:P-256";

    if (SSL_CTX_set1_groups_list(ctx, groups) == 1) {
        return true;
    }
    ERR_clear_error(); /* before OpenSSL 3.5 the first one is unknown */
    return SSL_CTX_set1_groups_list(ctx, groups_without_mlkem) == 1;
}

static bool set_protocol(SSL_CTX *ctx)
{
    /* Without P-521 and the like: OpenSSL takes every curve that it knows. */
    char signatures[] = "ECDSA+SHA256:ECDSA+SHA384:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:"
                        "RSA-PSS+SHA512";

    SSL_CTX_set_security_level(ctx, 2);
    tls_restrict(ctx);
    SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 && set_groups(ctx) &&
           SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1;
}

/* A key that fits none of the signatures above would be ready, and refuse every handshake. */
static int check_key(const struct identity *identity, struct err *err)
{
    const EVP_PKEY *key = identity_key(identity);

    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > EC_BITS_MAX) {
        return err_set(err, ERR_INVALID,
                       "our certificate: no signature on its curve is spoken here");
    }
    return 0;
}

/* Chain and anchors are explicit: libssl would else build and verify a chain in every handshake. */
static bool set_identity(SSL_CTX *ctx, const struct identity *identity)
{
    X509 *issuer = identity_issuer(identity);

    return SSL_CTX_use_certificate(ctx, identity_leaf(identity)) == 1 &&
           SSL_CTX_use_PrivateKey(ctx, identity_key(identity)) == 1 &&
           (issuer == NULL || SSL_CTX_add1_chain_cert(ctx, issuer) == 1) &&
           SSL_CTX_set1_verify_cert_store(ctx, identity_anchors(identity)) == 1;
}

SSL_CTX *context_new(OSSL_LIB_CTX *algorithms, const struct identity *identity, bool egress,
                     const char *alpn, struct err *err)
{
    char *names = alpn != NULL ? strdup(alpn) : NULL;
    SSL_CTX *ctx = NULL;

    if (alpn != NULL && names == NULL) {
        err_set(err, ERR_LIMIT, "TLS context: out of memory");
        return NULL;
    }
    if (check_key(identity, err) != 0) {
        free(names);
        return NULL;
    }
    ERR_clear_error();
    ctx = SSL_CTX_new_ex(algorithms, NULL, egress ? TLS_client_method() : TLS_server_method());
    if (ctx == NULL) {
        free(names);
    } else if (keep_names(ctx, names) && set_protocol(ctx) && set_identity(ctx, identity) &&
               set_alpn(ctx, egress, names)) {
        return ctx;
    }
    err_set_openssl(err, ERR_INVALID, "TLS context");
    SSL_CTX_free(ctx);
    return NULL;
}
