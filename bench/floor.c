/*
 * The floor: the cheapest relay from mutual TLS to a local application that can exist on this
 * libssl, as a measure for the others.  One recv and one send for each way of a round, one epoll
 * set that changes only when a receiver is full, buffers that all connections share.
 *
 * Nobody should use it: no policy, no deadlines, no half-close, and what fails just ends.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/floor_context.h"
#include "common/err.h"
#include "common/sockets.h"

#define RECORD_MAX 16384
#define RECORDS 8 /* of plaintext in one turn */
#define TURN_MAX ((size_t)RECORDS * RECORD_MAX)
#define PLAIN_CAP (TURN_MAX + RECORD_MAX) /* libssl may hold a part of a record from before */
#define CIPHER_CAP ((size_t)RECORDS * (RECORD_MAX + 64))
#define EVENTS_MAX 64

struct end { /* of a connection: what an event points to */
    int fd;
    struct flow *flow;
    uint8_t *rest; /* what `fd` did not take; while there is any, the other end is not read */
    size_t rest_len;
    size_t rest_sent;
};

struct flow {
    SSL *ssl;
    struct end peer;
    struct end app;
    bool ending; /* once the peer has taken the rest */
    struct flow *next_dead;
};

struct floor {
    SSL_CTX *ctx;
    BIO_METHOD *method;
    int epoll;
    int listener;
    struct sockaddr_storage app;
    socklen_t app_len;
    struct flow *dead; /* freed after the events of a turn, which may still point to them */
    const uint8_t *in; /* ciphertext that libssl has not read yet */
    size_t in_len;
    size_t out_len;
    uint8_t cipher_in[TURN_MAX];
    uint8_t cipher_out[CIPHER_CAP];
    uint8_t plain[PLAIN_CAP];
};

static int bio_read(BIO *bio, char *data, int len)
{
    struct floor *floor = BIO_get_data(bio);
    size_t num = floor->in_len < (size_t)len ? floor->in_len : (size_t)len;

    BIO_clear_retry_flags(bio);
    if (num == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(data, floor->in, num);
    floor->in += num;
    floor->in_len -= num;
    return (int)num;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct floor *floor = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if ((size_t)len > CIPHER_CAP - floor->out_len) {
        return -1;
    }
    memcpy(floor->cipher_out + floor->out_len, data, (size_t)len);
    floor->out_len += (size_t)len;
    return len;
}

static long bio_ctrl(BIO *bio, int command, long num, void *arg)
{
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static bool watch(struct floor *floor, int operation, struct end *end, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = end};

    return epoll_ctl(floor->epoll, operation, end->fd, &event) == 0;
}

static struct end *other(struct end *end)
{
    return end == &end->flow->peer ? &end->flow->app : &end->flow->peer;
}

static void flow_end(struct floor *floor, struct flow *flow)
{
    if (flow->peer.fd < 0) {
        return; /* already */
    }
    close(flow->peer.fd);
    if (flow->app.fd >= 0) {
        close(flow->app.fd);
    }
    flow->peer.fd = -1;
    flow->app.fd = -1;
    flow->next_dead = floor->dead;
    floor->dead = flow;
    ERR_clear_error(); /* what is left here would be taken for an error of another connection */
}

static void bury(struct floor *floor)
{
    while (floor->dead != NULL) {
        struct flow *flow = floor->dead;

        floor->dead = flow->next_dead;
        SSL_free(flow->ssl);
        free(flow->peer.rest);
        free(flow->app.rest);
        free(flow);
    }
}

/* Sends, and keeps what does not fit; then `end` is waited for and the other end is not. */
static bool put(struct floor *floor, struct end *end, const uint8_t *data, size_t len)
{
    ssize_t sent = 0;

    if (len == 0) {
        return true;
    }
    if (end->rest == NULL) {
        sent = send(end->fd, data, len, MSG_NOSIGNAL);
        if (sent == (ssize_t)len) {
            return true;
        }
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
        sent = sent < 0 ? 0 : sent;
    }
    len -= (size_t)sent;
    end->rest = realloc(end->rest, end->rest_len + len);
    if (end->rest == NULL) {
        return false;
    }
    memcpy(end->rest + end->rest_len, data + sent, len);
    end->rest_len += len;
    return watch(floor, EPOLL_CTL_MOD, end, EPOLLIN | EPOLLOUT) &&
           (other(end)->fd < 0 || watch(floor, EPOLL_CTL_MOD, other(end), 0));
}

static bool put_rest(struct floor *floor, struct end *end)
{
    ssize_t sent =
        send(end->fd, end->rest + end->rest_sent, end->rest_len - end->rest_sent, MSG_NOSIGNAL);

    if (sent < 0) {
        return errno == EAGAIN;
    }
    end->rest_sent += (size_t)sent;
    if (end->rest_sent < end->rest_len) {
        return true;
    }
    free(end->rest);
    end->rest = NULL;
    end->rest_len = 0;
    end->rest_sent = 0;
    return !end->flow->ending && watch(floor, EPOLL_CTL_MOD, end, EPOLLIN) &&
           watch(floor, EPOLL_CTL_MOD, other(end), EPOLLIN);
}

static bool put_records(struct floor *floor, struct flow *flow)
{
    size_t len = floor->out_len;

    floor->out_len = 0;
    return put(floor, &flow->peer, floor->cipher_out, len);
}

/* Blocks, for what is on this machine and has room for one more connection. */
static bool dial(struct floor *floor, struct flow *flow)
{
    int on = 1;
    int fd = socket(floor->app.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    flow->app.fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on a unix socket */
    return connect(fd, (const struct sockaddr *)&floor->app, floor->app_len) == 0 &&
           watch(floor, EPOLL_CTL_ADD, &flow->app, EPOLLIN);
}

static bool from_peer(struct floor *floor, struct flow *flow)
{
    size_t len = 0;
    ssize_t got = recv(flow->peer.fd, floor->cipher_in, TURN_MAX, 0);
    int num = 0;

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    floor->in = floor->cipher_in;
    floor->in_len = (size_t)got;
    while (len < PLAIN_CAP &&
           (num = SSL_read(flow->ssl, floor->plain + len, (int)(PLAIN_CAP - len))) > 0) {
        len += (size_t)num;
    }
    if (num <= 0 && SSL_get_error(flow->ssl, num) != SSL_ERROR_WANT_READ) {
        (void)put_records(floor, flow); /* our alert */
        return false;
    }
    return put_records(floor, flow) &&
           (flow->app.fd >= 0 || !SSL_is_init_finished(flow->ssl) || dial(floor, flow)) &&
           put(floor, &flow->app, floor->plain, len);
}

static bool from_app(struct floor *floor, struct flow *flow)
{
    ssize_t got = recv(flow->app.fd, floor->plain, TURN_MAX, MSG_DONTWAIT);

    if (got < 0) {
        return errno == EAGAIN;
    }
    if (got == 0) {
        (void)SSL_shutdown(flow->ssl);
        flow->ending = true;
    }
    for (size_t done = 0; done < (size_t)got; done += RECORD_MAX) {
        size_t len = (size_t)got - done < RECORD_MAX ? (size_t)got - done : RECORD_MAX;

        if (SSL_write(flow->ssl, floor->plain + done, (int)len) <= 0) {
            return false;
        }
    }
    return put_records(floor, flow) && (!flow->ending || flow->peer.rest != NULL);
}

static void take(struct floor *floor)
{
    int on = 1;
    int fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct flow *flow = NULL;
    BIO *bio = NULL;

    if (fd < 0) {
        return;
    }
    flow = calloc(1, sizeof(*flow));
    bio = BIO_new(floor->method);
    if (flow == NULL || bio == NULL || (flow->ssl = SSL_new(floor->ctx)) == NULL) {
        abort();
    }
    BIO_set_data(bio, floor);
    BIO_set_init(bio, 1);
    SSL_set_bio(flow->ssl, bio, bio);
    SSL_set_accept_state(flow->ssl);
    flow->peer = (struct end){.fd = fd, .flow = flow};
    flow->app = (struct end){.fd = -1, .flow = flow};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!watch(floor, EPOLL_CTL_ADD, &flow->peer, EPOLLIN)) {
        flow_end(floor, flow);
    }
}

static void on_event(struct floor *floor, struct end *end, uint32_t events)
{
    struct flow *flow = end->flow;
    bool goes_on = flow->peer.fd >= 0;

    if (goes_on && (events & EPOLLOUT) != 0 && end->rest != NULL) {
        goes_on = put_rest(floor, end);
    }
    if (goes_on && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        goes_on = end == &flow->peer ? from_peer(floor, flow) : from_app(floor, flow);
    }
    if (!goes_on) {
        flow_end(floor, flow);
    }
}

static void turn(struct floor *floor)
{
    struct epoll_event events[EVENTS_MAX];
    int num = epoll_wait(floor->epoll, events, EVENTS_MAX, -1);

    for (int i = 0; i < num; i++) {
        if (events[i].data.ptr == NULL) {
            take(floor);
        } else {
            on_event(floor, events[i].data.ptr, events[i].events);
        }
    }
    bury(floor);
}

static bool set_app(struct floor *floor, const char *text, struct err *err)
{
    struct sockets_address address;
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    if (strncmp(text, "unix:", 5) == 0) {
        snprintf(local.sun_path, sizeof(local.sun_path), "%s", text + 5);
        memcpy(&floor->app, &local, sizeof(local));
        floor->app_len = sizeof(local);
        return true;
    }
    if (sockets_parse(text, &address, err) != 0) {
        return false;
    }
    memcpy(&floor->app, &address.u, address.len);
    floor->app_len = address.len;
    return true;
}

static bool begin(struct floor *floor, char **argv, struct err *err)
{
    struct sockets_listen_options options = {.backlog = 4096};
    struct epoll_event event = {.events = EPOLLIN};
    struct sockets_address listen;

    if (sockets_parse(argv[1], &listen, err) != 0 || !set_app(floor, argv[2], err) ||
        (floor->ctx = floor_context_new(argv[3], argv[4], argv[5], err)) == NULL) {
        return false;
    }
    floor->listener = sockets_listen(&listen, &options, err);
    if (floor->listener < 0) {
        return false;
    }
    floor->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "floor");
    if (floor->method == NULL || BIO_meth_set_read(floor->method, bio_read) != 1 ||
        BIO_meth_set_write(floor->method, bio_write) != 1 ||
        BIO_meth_set_ctrl(floor->method, bio_ctrl) != 1) {
        abort();
    }
    floor->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(floor->epoll, EPOLL_CTL_ADD, floor->listener, &event) != 0) {
        err_set_errno(err, ERR_IO, errno, "epoll");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct floor *floor = calloc(1, sizeof(*floor));
    struct err err;

    if (argc != 6 || floor == NULL) {
        fprintf(stderr, "usage: floor LISTEN APPLICATION CERTIFICATE KEY CA\n");
        return 2;
    }
    sockets_raise_nofile();
    if (!begin(floor, argv, &err)) {
        fprintf(stderr, "floor: %s\n", err.msg);
        return 1;
    }
    for (;;) {
        turn(floor);
    }
}
