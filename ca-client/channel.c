/*
 * Channel: OpenSSL on a non-blocking descriptor, common/http1 on top.
 */
#include "ca-client/channel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "ca-client/reply.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/est.h"
#include "common/http1.h"
#include "common/sockets.h"
#include "common/tls.h"

#define SCHEME "https://"
#define HEAD_MAX 8192 /* bytes, of requests and responses */
#define CHUNK 16384

struct channel {
    struct deadline deadline;
    char authority[SOCKETS_HOST_CAP + 16]; /* HOST:PORT, for the Host field */
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    struct http1 *http;
};

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
    tls_restrict(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

/* The server must be `host`; a name is also sent to it.  Not const, as OpenSSL's macro wants it. */
static bool expect_host(SSL *ssl, char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct in6_addr address;

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_WILDCARDS);
    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    }
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* Why an SSL call failed for good. */
static int set_failure(const struct channel *channel, int reason, int errnum, struct err *err)
{
    long verified = SSL_get_verify_result(channel->ssl);

    if (verified != X509_V_OK) {
        ERR_clear_error();
        return err_set(err, ERR_DENIED, "certificate of the CA's server: %s",
                       X509_verify_cert_error_string(verified));
    }
    if (reason == SSL_ERROR_ZERO_RETURN || (reason == SSL_ERROR_SYSCALL && errnum == 0)) {
        ERR_clear_error();
        return err_set(err, ERR_IO, "the CA has closed the connection");
    }
    if (reason == SSL_ERROR_SYSCALL) {
        ERR_clear_error();
        return err_set_errno(err, ERR_IO, errnum, "connection to the CA");
    }
    return err_set_openssl(err, ERR_IO, "TLS with the CA");
}

/* After an SSL call that returned `rc`: 0 to try again, once the descriptor is ready. */
static int wait_ready(const struct channel *channel, int rc, struct err *err)
{
    int errnum = errno;
    int reason = SSL_get_error(channel->ssl, rc);

    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
        return set_failure(channel, reason, errnum, err);
    }
    return deadline_wait(&channel->deadline, channel->fd,
                         reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, err);
}

static int shake_hands(const struct channel *channel, struct err *err)
{
    for (;;) {
        int rc = 0;

        ERR_clear_error();
        errno = 0;
        rc = SSL_connect(channel->ssl);
        if (rc == 1) {
            return 0;
        }
        if (wait_ready(channel, rc, err) != 0) {
            return -1;
        }
    }
}

struct channel *channel_open(const struct channel_options *options, struct err *err)
{
    const struct http1_limits limits = {.head_max = HEAD_MAX, .body_max = EST_BODY_MAX};
    struct channel *channel = calloc(1, sizeof(*channel));
    char host[SOCKETS_HOST_CAP];
    uint16_t port = 0;
    const char *authority = options->url + strlen(SCHEME);

    if (channel == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    channel->fd = -1;
    channel->deadline = options->deadline;
    if (strncmp(options->url, SCHEME, strlen(SCHEME)) != 0 ||
        strlen(authority) >= sizeof(channel->authority) ||
        sockets_split(authority, host, &port, err) != 0) {
        err_set(err, ERR_INVALID, "%s: not https://HOST:PORT", options->url);
        goto out;
    }
    memcpy(channel->authority, authority, strlen(authority) + 1);
    channel->http = http1_new(true, &limits);
    channel->ctx = make_ctx(options->roots, err);
    if (channel->ctx == NULL) {
        goto out;
    }
    channel->fd = dial(host, port, &channel->deadline, err);
    if (channel->fd < 0) {
        goto out;
    }
    channel->ssl = SSL_new(channel->ctx);
    if (channel->http == NULL || channel->ssl == NULL ||
        SSL_set_fd(channel->ssl, channel->fd) != 1 || !expect_host(channel->ssl, host)) {
        err_set_openssl(err, ERR_LIMIT, "TLS connection");
        goto out;
    }
    if (options->now != 0) {
        X509_VERIFY_PARAM_set_time(SSL_get0_param(channel->ssl), (time_t)options->now);
    }
    if (shake_hands(channel, err) != 0) {
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
    if (channel->ssl != NULL && SSL_is_init_finished(channel->ssl)) {
        ERR_clear_error();
        SSL_shutdown(channel->ssl); /* if it cannot be sent now, it is not sent */
        ERR_clear_error();
    }
    SSL_free(channel->ssl);
    SSL_CTX_free(channel->ctx);
    http1_free(channel->http);
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    free(channel);
}

static int send_all(const struct channel *channel, struct bytes bytes, struct err *err)
{
    while (bytes.len > 0) {
        int rc = 0;

        ERR_clear_error();
        errno = 0;
        /* A write that has to wait is repeated with the same bytes, as OpenSSL wants it. */
        rc = SSL_write(channel->ssl, bytes.data, bytes.len < CHUNK ? (int)bytes.len : CHUNK);
        if (rc > 0) {
            bytes.data += rc;
            bytes.len -= (size_t)rc;
        } else if (wait_ready(channel, rc, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The next bytes of the stream; 0 in `out_len`: it has ended with close_notify. */
static int receive(const struct channel *channel, uint8_t *out, size_t cap, size_t *out_len,
                   struct err *err)
{
    for (;;) {
        int rc = 0;

        ERR_clear_error();
        errno = 0;
        rc = SSL_read(channel->ssl, out, (int)cap);
        if (rc > 0 || SSL_get_error(channel->ssl, rc) == SSL_ERROR_ZERO_RETURN) {
            *out_len = rc > 0 ? (size_t)rc : 0;
            return 0;
        }
        if (wait_ready(channel, rc, err) != 0) {
            return -1;
        }
    }
}

static int receive_response(const struct channel *channel, struct err *err)
{
    uint8_t chunk[CHUNK];
    enum http1_status status = HTTP1_MORE;

    http1_reset(channel->http);
    while (status == HTTP1_MORE) {
        struct bytes in = {.data = chunk};

        if (receive(channel, chunk, sizeof(chunk), &in.len, err) != 0) {
            return -1;
        }
        if (in.len == 0) {
            status = http1_eof(channel->http);
            if (status == HTTP1_MORE) {
                return err_set(err, ERR_IO, "the CA has closed the connection");
            }
        } else {
            status = http1_feed(channel->http, &in);
        }
    }
    if (status != HTTP1_DONE) {
        return err_set(err, ERR_INVALID, "malformed response: %s",
                       http1_refusal_reason(channel->http));
    }
    return 0;
}

int channel_ask(struct channel *channel, const struct channel_request *request,
                const struct http1 **out_response, struct checked_clock *out_clock, struct err *err)
{
    uint8_t storage[HEAD_MAX];
    struct buf head = buf_over(storage, sizeof(storage));
    const struct http1_request fields = {
        .method = request->method,
        .target = request->target,
        .host = channel->authority,
        .content_type = request->content_type,
        .content_len = request->body.len,
        .fields = request->fields,
    };
    int64_t sent_ms = clock_reading_now().boot_ms;
    struct clock_reading received;

    if (!http1_put_request(&head, &fields)) {
        return err_set(err, ERR_LIMIT, "%s: request too long", request->target);
    }
    if (send_all(channel, (struct bytes){head.data, head.len}, err) != 0 ||
        send_all(channel, request->body, err) != 0 || receive_response(channel, err) != 0) {
        return err_wrap(err, "%s", request->target);
    }
    received = clock_reading_now();
    sent_ms += received.wall_ms - received.boot_ms; /* as the wall clock is set now */
    *out_clock = checked_clock_learn(
        &received, reply_clock_offset_ms(channel->http, sent_ms, received.wall_ms));
    *out_response = channel->http;
    return 0;
}
