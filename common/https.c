/*
 * Https: OpenSSL on a non-blocking descriptor, or the bare descriptor, with common/http1 on top.
 */
#include "common/https.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/http1.h"
#include "common/sockets.h"

#define HEAD_MAX 8192 /* bytes, of requests and responses */
#define CHUNK 16384

struct https {
    struct https_options options; /* its context is borrowed: the SSL object references it */
    int fd;
    SSL *ssl; /* NULL: plaintext */
    struct http1 *http;
};

/* The server must be `host`; a name is also sent to it.  Not const, as OpenSSL's macro wants it. */
static bool expect_host(SSL *ssl, char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct in6_addr address;

    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    }
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* Why an SSL call failed for good. */
static int set_failure(const struct https *https, int reason, int errnum, struct err *err)
{
    long verified = SSL_get_verify_result(https->ssl);

    if (verified != X509_V_OK) {
        ERR_clear_error();
        return err_set(err, ERR_DENIED, "certificate of %s's server: %s", https->options.who,
                       X509_verify_cert_error_string(verified));
    }
    if (reason == SSL_ERROR_ZERO_RETURN || (reason == SSL_ERROR_SYSCALL && errnum == 0)) {
        ERR_clear_error();
        return err_set(err, ERR_IO, "%s has closed the connection", https->options.who);
    }
    if (reason == SSL_ERROR_SYSCALL) {
        ERR_clear_error();
        return err_set_errno(err, ERR_IO, errnum, "connection to %s", https->options.who);
    }
    return err_set_openssl(err, ERR_IO, "TLS with %s", https->options.who);
}

/* After an SSL call that returned `rc`: 0 to try again, once the descriptor is ready. */
static int wait_ready(const struct https *https, int rc, struct err *err)
{
    int errnum = errno;
    int reason = SSL_get_error(https->ssl, rc);

    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
        return set_failure(https, reason, errnum, err);
    }
    return deadline_wait(&https->options.deadline, https->fd,
                         reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, err);
}

/* After a call that failed with errno: 0 to try again, once the descriptor is ready. */
static int wait_plain(const struct https *https, short events, struct err *err)
{
    if (errno != EAGAIN && errno != EINTR) {
        return err_set_errno(err, ERR_IO, errno, "connection to %s", https->options.who);
    }
    return deadline_wait(&https->options.deadline, https->fd, events, err);
}

static int shake_hands(const struct https *https, struct err *err)
{
    for (;;) {
        int rc = 0;

        ERR_clear_error();
        errno = 0;
        rc = SSL_connect(https->ssl);
        if (rc == 1) {
            return 0;
        }
        if (wait_ready(https, rc, err) != 0) {
            return -1;
        }
    }
}

static int begin_tls(struct https *https, const struct https_options *options, char *host,
                     struct err *err)
{
    https->ssl = SSL_new(options->ctx);
    if (https->ssl == NULL || SSL_set_fd(https->ssl, https->fd) != 1 ||
        !expect_host(https->ssl, host)) {
        return err_set_openssl(err, ERR_LIMIT, "TLS connection");
    }
    if (options->now != 0) {
        X509_VERIFY_PARAM_set_time(SSL_get0_param(https->ssl), (time_t)options->now);
    }
    return shake_hands(https, err);
}

struct https *https_open(const struct https_options *options, struct err *err)
{
    const struct http1_limits limits = {.head_max = HEAD_MAX, .body_max = options->body_max};
    struct https *https = calloc(1, sizeof(*https));
    char host[SOCKETS_HOST_CAP];
    uint16_t port = 0;

    if (https == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    https->fd = -1;
    https->options = *options;
    https->http = http1_new(true, &limits);
    if (https->http == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        goto out;
    }
    if (sockets_split(options->authority, host, &port, err) != 0) {
        goto out;
    }
    https->fd = dial(host, port, &https->options.deadline, err);
    if (https->fd < 0 || (options->ctx != NULL && begin_tls(https, options, host, err) != 0)) {
        goto out;
    }
    return https;
out:
    https_close(https);
    return NULL;
}

void https_close(struct https *https)
{
    if (https == NULL) {
        return;
    }
    if (https->ssl != NULL && SSL_is_init_finished(https->ssl)) {
        ERR_clear_error();
        SSL_shutdown(https->ssl); /* if it cannot be sent now, it is not sent */
        ERR_clear_error();
    }
    SSL_free(https->ssl);
    http1_free(https->http);
    if (https->fd >= 0) {
        close(https->fd);
    }
    free(https);
}

/* One piece; 0: nothing could be sent now, and the wait is over. */
static ssize_t send_some(const struct https *https, struct bytes bytes, struct err *err)
{
    size_t len = bytes.len < CHUNK ? bytes.len : CHUNK;
    ssize_t sent = 0;
    int rc = 0;

    if (https->ssl == NULL) {
        sent = send(https->fd, bytes.data, len, MSG_NOSIGNAL);
        return sent >= 0 ? sent : wait_plain(https, POLLOUT, err);
    }
    ERR_clear_error();
    errno = 0;
    /* A write that has to wait is repeated with the same bytes, as OpenSSL wants it. */
    rc = SSL_write(https->ssl, bytes.data, (int)len);
    return rc > 0 ? rc : wait_ready(https, rc, err);
}

static int send_all(const struct https *https, struct bytes bytes, struct err *err)
{
    while (bytes.len > 0) {
        ssize_t sent = send_some(https, bytes, err);

        if (sent < 0) {
            return -1;
        }
        bytes.data += sent;
        bytes.len -= (size_t)sent;
    }
    return 0;
}

/* As receive(), without TLS. */
static int receive_plain(const struct https *https, uint8_t *out, size_t cap, size_t *out_len,
                         struct err *err)
{
    for (;;) {
        ssize_t got = recv(https->fd, out, cap, 0);

        if (got >= 0) {
            *out_len = (size_t)got;
            return 0;
        }
        if (wait_plain(https, POLLIN, err) != 0) {
            return -1;
        }
    }
}

/* The next bytes of the stream; 0 in `out_len`: it has ended, with close_notify if by TLS. */
static int receive(const struct https *https, uint8_t *out, size_t cap, size_t *out_len,
                   struct err *err)
{
    if (https->ssl == NULL) {
        return receive_plain(https, out, cap, out_len, err);
    }
    for (;;) {
        int rc = 0;

        ERR_clear_error();
        errno = 0;
        rc = SSL_read(https->ssl, out, (int)cap);
        if (rc > 0 || SSL_get_error(https->ssl, rc) == SSL_ERROR_ZERO_RETURN) {
            *out_len = rc > 0 ? (size_t)rc : 0;
            return 0;
        }
        if (wait_ready(https, rc, err) != 0) {
            return -1;
        }
    }
}

static int receive_response(const struct https *https, struct err *err)
{
    uint8_t chunk[CHUNK];
    enum http1_status status = HTTP1_MORE;

    http1_reset(https->http);
    while (status == HTTP1_MORE) {
        struct bytes in = {.data = chunk};

        if (receive(https, chunk, sizeof(chunk), &in.len, err) != 0) {
            return -1;
        }
        if (in.len == 0) {
            status = http1_eof(https->http);
            if (status == HTTP1_MORE) {
                return err_set(err, ERR_IO, "%s has closed the connection", https->options.who);
            }
        } else {
            status = http1_feed(https->http, &in);
        }
    }
    if (status != HTTP1_DONE) {
        return err_set(err, ERR_INVALID, "malformed response: %s",
                       http1_refusal_reason(https->http));
    }
    return 0;
}

int https_ask(struct https *https, const struct https_request *request,
              const struct http1 **out_response, struct err *err)
{
    uint8_t storage[HEAD_MAX];
    struct buf head = buf_over(storage, sizeof(storage));
    const struct http1_request fields = {
        .method = request->method,
        .target = request->target,
        .host = https->options.authority,
        .content_type = request->content_type,
        .content_len = request->body.len,
        .fields = request->fields,
    };

    if (!http1_put_request(&head, &fields)) {
        return err_set(err, ERR_LIMIT, "%s: request too long", request->target);
    }
    if (send_all(https, (struct bytes){head.data, head.len}, err) != 0 ||
        send_all(https, request->body, err) != 0 || receive_response(https, err) != 0) {
        return err_wrap(err, "%s", request->target);
    }
    *out_response = https->http;
    return 0;
}
