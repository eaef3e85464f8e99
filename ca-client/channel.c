/*
 * Channel: the pinned roots as the context of a common/https connection, and the server's clock.
 */
#include "ca-client/channel.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "ca-client/reply.h"
#include "common/err.h"
#include "common/est.h"
#include "common/sockets.h"
#include "common/tls.h"

#define SCHEME "https://"

struct channel {
    char authority[SOCKETS_HOST_CAP + 16]; /* HOST:PORT */
    SSL_CTX *ctx;
    struct https *https;
    time_t now_at_least;
};

/* Of two opinions on the hour, one may be wrong for as long as the CA is not asked: what is valid
   by the earlier one must do for that. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct channel *channel = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const X509 *cert = X509_STORE_CTX_get_current_cert(store);
    time_t now = channel->now_at_least;

    if (ok == 0 && now != 0 && cert != NULL &&
        X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_HAS_EXPIRED &&
        X509_cmp_time(X509_get0_notAfter(cert), &now) > 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    return ok;
}

static SSL_CTX *make_ctx(const STACK_OF(X509) * roots, struct err *err)
{
    SSL_CTX *ctx = NULL;
    X509_STORE *store = NULL;
    bool ok = false;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_client_method());
    store = X509_STORE_new();
    ok = ctx != NULL && store != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT) == 1;
    for (int i = 0; ok && i < sk_X509_num(roots); i++) {
        ok = X509_STORE_add_cert(store, sk_X509_value(roots, i)) == 1;
    }
    if (!ok) {
        err_set_openssl(err, ERR_LIMIT, "TLS context");
        X509_STORE_free(store);
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_cert_store(ctx, store); /* now the context's */
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                                                 X509_CHECK_FLAG_NO_WILDCARDS);
    tls_restrict(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    return ctx;
}

struct channel *channel_open(const struct channel_options *options, struct err *err)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    char host[SOCKETS_HOST_CAP];
    uint16_t port = 0;
    const char *authority = options->url + strlen(SCHEME);

    if (channel == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    if (strncmp(options->url, SCHEME, strlen(SCHEME)) != 0 ||
        strlen(authority) >= sizeof(channel->authority) ||
        sockets_split(authority, host, &port, err) != 0) {
        err_set(err, ERR_INVALID, "%s: not https://HOST:PORT", options->url);
        goto out;
    }
    memcpy(channel->authority, authority, strlen(authority) + 1);
    channel->ctx = make_ctx(options->roots, err);
    if (channel->ctx == NULL) {
        goto out;
    }
    if (SSL_CTX_set_app_data(channel->ctx, channel) != 1 ||
        (options->cert != NULL && (SSL_CTX_use_certificate(channel->ctx, options->cert) != 1 ||
                                   SSL_CTX_use_PrivateKey(channel->ctx, options->key) != 1))) {
        err_set_openssl(err, ERR_LIMIT, "TLS context");
        goto out;
    }
    channel->now_at_least = (time_t)options->now_at_least;
    channel->https = https_open(
        &(struct https_options){
            .authority = channel->authority,
            .who = "the CA",
            .ctx = channel->ctx,
            .now = options->now,
            .body_max = EST_BODY_MAX,
            .deadline = options->deadline,
        },
        err);
    if (channel->https == NULL) {
        goto out;
    }
    return channel;
out:
    channel_close(channel);
    return NULL;
}

void channel_close(struct channel *channel)
{
    if (channel == NULL) {
        return;
    }
    https_close(channel->https);
    SSL_CTX_free(channel->ctx);
    free(channel);
}

int channel_ask(struct channel *channel, const struct https_request *request,
                const struct http1 **out_response, struct checked_clock *out_clock, struct err *err)
{
    int64_t sent_ms = clock_reading_now().boot_ms;
    struct clock_reading received;

    if (https_ask(channel->https, request, out_response, err) != 0) {
        return -1;
    }
    received = clock_reading_now();
    sent_ms += received.wall_ms - received.boot_ms; /* as the wall clock is set now */
    *out_clock = checked_clock_learn(
        &received, reply_clock_offset_ms(*out_response, sent_ms, received.wall_ms));
    return 0;
}
