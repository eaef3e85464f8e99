/*
 * Client: the context of all connections to TLS targets.
 */
#include "bench/client.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "bench/issuer.h"
#include "common/err.h"
#include "common/tls.h"

struct client {
    SSL_CTX *ctx;
    struct issuer *issuer; /* NULL: the certificate is in `ctx`, or there is none */
    X509 *server;          /* the last one that was verified */
};

/* Ours is not to judge the server again and again: that would measure the judge. */
static int on_server(X509_STORE_CTX *store, void *arg)
{
    struct client *client = arg;
    X509 *server = X509_STORE_CTX_get0_cert(store);

    if (client->server != NULL && X509_cmp(client->server, server) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    if (X509_verify_cert(store) != 1) {
        return 0;
    }
    X509_free(client->server);
    client->server = server;
    X509_up_ref(server);
    return 1;
}

static int load_trust(SSL_CTX *ctx, const char *path, struct err *err)
{
    int rc = -1;
    X509_STORE *store = X509_STORE_new();

    ERR_clear_error();
    if (store == NULL || X509_STORE_load_file(store, path) != 1) {
        err_set_openssl(err, ERR_INVALID, "%s", path);
        goto out;
    }
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
    if (SSL_CTX_set1_verify_cert_store(ctx, store) != 1) {
        err_set_openssl(err, ERR_LIMIT, "%s", path);
        goto out;
    }
    rc = 0;
out:
    X509_STORE_free(store);
    return rc;
}

static struct client *client_new_bare(const struct client_options *options, struct err *err)
{
    struct client *client = calloc(1, sizeof(*client));
    char groups[] = "X25519:P-256"; /* the macro below casts const away */

    ERR_clear_error();
    if (client == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    client->ctx = SSL_CTX_new(TLS_client_method());
    if (client->ctx == NULL || SSL_CTX_set_min_proto_version(client->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(client->ctx, groups) != 1) {
        err_set_openssl(err, ERR_LIMIT, "TLS");
        client_free(client);
        return NULL;
    }
    tls_restrict(client->ctx);
    SSL_CTX_set_mode(client->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(client->ctx, on_server, client);
    if (load_trust(client->ctx, options->trust, err) != 0) {
        client_free(client);
        return NULL;
    }
    return client;
}

static int use_files(SSL_CTX *ctx, const struct client_options *options, struct err *err)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, options->certificate) != 1) {
        return err_set_openssl(err, ERR_INVALID, "%s", options->certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, options->private_key, SSL_FILETYPE_PEM) != 1) {
        return err_set_openssl(err, ERR_INVALID, "%s", options->private_key);
    }
    return 0;
}

/* One leaf for the whole context. */
static int use_made(SSL_CTX *ctx, const struct issuer *issuer, struct err *err)
{
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    int rc = 0;

    if (issuer_make(issuer, &leaf, &key, err) != 0) {
        return -1;
    }
    if (SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        rc = err_set_openssl(err, ERR_LIMIT, "a client certificate");
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return rc;
}

static int identify(struct client *client, const struct client_options *options, struct err *err)
{
    if (options->certificate != NULL) {
        return use_files(client->ctx, options, err);
    }
    client->issuer = issuer_load(options->ca_certificate, options->ca_key, options->spiffe, err);
    if (client->issuer == NULL) {
        return -1;
    }
    if (options->new_peers) {
        return 0;
    }
    if (use_made(client->ctx, client->issuer, err) != 0) {
        return -1;
    }
    issuer_free(client->issuer);
    client->issuer = NULL;
    return 0;
}

struct client *client_new(const struct client_options *options, struct err *err)
{
    struct client *client = client_new_bare(options, err);

    if (client != NULL && identify(client, options, err) != 0) {
        client_free(client);
        return NULL;
    }
    return client;
}

/* The right names, under the key of a stranger. */
static int impersonate(SSL_CTX *ctx, const struct client_options *options, struct err *err)
{
    const char *path = options->ca_certificate != NULL ? options->ca_certificate : options->trust;
    const char *spiffe =
        options->spiffe != NULL ? options->spiffe : "spiffe://bench.invalid/impostor";
    int rc = -1;
    BIO *file = BIO_new_file(path, "r");
    X509 *likeness = NULL;
    struct issuer *impostor = NULL;

    ERR_clear_error();
    if (file != NULL) {
        likeness = PEM_read_bio_X509(file, NULL, NULL, NULL);
    }
    if (likeness == NULL) {
        err_set_openssl(err, ERR_INVALID, "%s", path);
        goto out;
    }
    impostor = issuer_new_impostor(likeness, spiffe, err);
    if (impostor != NULL) {
        rc = use_made(ctx, impostor, err);
    }
out:
    issuer_free(impostor);
    X509_free(likeness);
    BIO_free(file);
    return rc;
}

struct client *client_new_stranger(const struct client_options *options, enum client_stranger kind,
                                   struct err *err)
{
    struct client *client = client_new_bare(options, err);

    if (client != NULL && kind == CLIENT_IMPOSTOR && impersonate(client->ctx, options, err) != 0) {
        client_free(client);
        return NULL;
    }
    return client;
}

void client_free(struct client *client)
{
    if (client == NULL) {
        return;
    }
    SSL_CTX_free(client->ctx);
    issuer_free(client->issuer);
    X509_free(client->server);
    free(client);
}

/* A certificate for this connection alone. */
static int use_new(struct tls *tls, const struct issuer *issuer, struct err *err)
{
    SSL *ssl = tls_ssl(tls);
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    int rc = 0;

    if (issuer_make(issuer, &leaf, &key, err) != 0) {
        return -1;
    }
    if (SSL_use_certificate(ssl, leaf) != 1 || SSL_use_PrivateKey(ssl, key) != 1) {
        rc = err_set_openssl(err, ERR_LIMIT, "a client certificate");
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return rc;
}

struct tls *client_connect(struct client *client, const char *server_name, struct err *err)
{
    struct tls *tls = tls_new_client(client->ctx, server_name);

    if (tls == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    if (client->issuer != NULL && use_new(tls, client->issuer, err) != 0) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}
