/*
 * Rig: a worker between sockets of the test: peers with TLS engines of their own on one side,
 * applications on the other.
 */
#include "tests/lib/rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <uv.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/sources.h"

#define OR(value, fallback) ((value) != 0 ? (value) : (fallback))

bool rig_over_unix(void)
{
    const char *plain = getenv("RIG_PLAIN");

    return plain != NULL && strcmp(plain, "unix") == 0;
}

static struct sockets_address rig_loopback(void)
{
    struct sockets_address address = {.len = 0};
    struct err err;

    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    return address;
}

/* Where plaintext is accepted: a unix socket of that name, if that is what passes it. */
static struct sockets_address rig_plain_address(const struct rig *rig, const char *name)
{
    struct sockets_address address = rig_loopback();
    char text[SOCKETS_TEXT_CAP];
    struct err err;

    if (rig_over_unix()) {
        assert_in_range(snprintf(text, sizeof(text), "unix:%s/%s", rig->folder, name), 1,
                        sizeof(text) - 1);
        assert_int_equal(sockets_parse(text, &address, &err), 0);
    }
    return address;
}

struct generation *rig_generation(struct rig *rig, uint64_t number, const char *expected,
                                  int64_t seconds)
{
    struct generation_double_options options = {
        .pki = &rig->pki,
        .uri = seconds > 0 ? RIG_URI : NULL,
        .expected = expected,
        .seconds = seconds,
        .tenures = &rig->tenures,
    };

    return generation_double_new(number, &options);
}

struct rig_starting {
    const struct worker_options *options;
    struct worker *started;
};

static void rig_start_worker(void *arg)
{
    struct rig_starting *starting = arg;
    struct err err;

    starting->started = worker_start(starting->options, &err);
}

/* From a thread of its own: newer libuv makes an io_uring with a loop, and when that is closed the
   kernel interrupts whatever blocks in the thread that made it. */
static struct worker *rig_worker_start(const struct worker_options *options)
{
    struct rig_starting starting = {.options = options};
    uv_thread_t thread;

    assert_int_equal(uv_thread_create(&thread, rig_start_worker, &starting), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    return starting.started;
}

static struct worker *rig_worker(struct rig *rig, const struct rig_options *options, bool egress,
                                 const struct sockets_address *target)
{
    const struct conn_limits *limits = &options->limits;
    char host[SOCKETS_TEXT_CAP] = "127.0.0.1";
    struct worker_route route = {
        .conn = {.name = egress ? "out" : "in",
                 .egress = egress,
                 .host = options->host != NULL ? options->host : host,
                 .port = sockets_port(target),
                 .sni = NULL,
                 .on_truncation = options->on_truncation,
                 .proxy = options->proxy,
                 .callers = options->callers,
                 .redirection = options->redirection,
                 .limits = {.handshake_ms = OR(limits->handshake_ms, RIG_WAIT_MS),
                            .connect_ms = OR(limits->connect_ms, RIG_WAIT_MS),
                            .idle_ms = OR(limits->idle_ms, RIG_WAIT_MS),
                            .half_close_ms = OR(limits->half_close_ms, RIG_WAIT_MS),
                            .write_stall_ms = OR(limits->write_stall_ms, RIG_WAIT_MS),
                            .linger_ms = OR(limits->linger_ms, RIG_WAIT_MS),
                            .ready_wait_ms = OR(limits->ready_wait_ms, RIG_WAIT_MS),
                            .max_lifetime_ms = limits->max_lifetime_ms,
                            .key_updates_max = OR(limits->key_updates_max, 100)}},
        .listen = rig_loopback(),
    };
    struct worker_options worker = {
        .routes = &route,
        .num_routes = 1,
        .limits = {.handshakes_max = OR(options->worker.handshakes_max, 1000),
                   .buffer_memory = OR(options->worker.buffer_memory, (size_t)64 * 1024 * 1024),
                   .lookups_max = 8,
                   .drain_delay_ms = options->worker.drain_delay_ms,
                   .drain_timeout_ms = OR(options->worker.drain_timeout_ms, RIG_WAIT_MS)},
        .generation = rig_generation(rig, 1, RIG_FRIEND, options->no_identity && egress ? 0 : 3600),
        .counters = egress && rig->shape == RIG_CHAIN ? &rig->egress_counters : &rig->counters,
        .census = &rig->census[egress],
        .num_siblings = 1,
        .stays_awake = options->stays_awake,
    };
    struct worker *started = NULL;
    struct err err;

    census_set_limits(&rig->census[egress], OR(options->connections_max, 1000),
                      options->connections_max_on_listener, false);
    if (!egress) {
        rig->sources = sources_new(OR(options->connections_max_from_source, 1000));
        assert_non_null(rig->sources);
        rig->census[egress].sources = rig->sources;
    }

    if (!sockets_is_ip(target)) {
        sockets_format(target, host);
    }
    if (egress && rig_over_unix()) {
        const struct entrance_options door = {.address = rig_plain_address(rig, "door"),
                                              .mode = 0600};

        assert_int_equal(entrance_open(&rig->door, &door, &err), 0);
        route.entrance = &rig->door;
    }
    if (options->no_identity) {
        generation_unref(worker.generation);
        worker.generation = rig_generation(rig, 1, RIG_FRIEND, 0);
    }
    started = rig_worker_start(&worker);
    generation_unref(worker.generation);
    assert_non_null(started);
    entrance_leave(&rig->door);
    return started;
}

void rig_start(struct rig *rig, const struct rig_options *options)
{
    struct sockets_listen_options listen_options = {.backlog = 64, .mode = 0600};
    struct sockets_address any;
    struct err err;

    (void)signal(SIGPIPE, SIG_IGN);
    log_setup(getenv("RIG_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
    memset(rig, 0, sizeof(*rig));
    rig->shape = options->shape;
    rig->door.fd = -1;
    if (rig_over_unix()) {
        folder_make(rig->folder);
    }
    any = rig->shape == RIG_EGRESS ? rig_loopback() : rig_plain_address(rig, "app");
    generation_double_set_offset(0);
    pki_init(&rig->pki);
    rig->target = sockets_listen(&any, &listen_options, &err);
    assert_true(rig->target >= 0);
    assert_int_equal(sockets_bound(rig->target, &rig->behind, &err), 0);
    if (options->no_target) {
        close(rig->target);
        rig->target = -1;
    }
    if (rig->shape != RIG_EGRESS) {
        rig->ingress = rig_worker(rig, options, false, &rig->behind);
        rig->entry = worker_address(rig->ingress, 0);
    }
    if (rig->shape != RIG_INGRESS) {
        rig->egress =
            rig_worker(rig, options, true, rig->shape == RIG_CHAIN ? &rig->entry : &rig->behind);
        rig->entry = worker_address(rig->egress, 0);
    }
}

void rig_stop(struct rig *rig)
{
    assert_true(worker_stop(rig->egress));
    assert_true(worker_stop(rig->ingress));
    sources_free(rig->sources); /* which holds that nobody is left in it */
    assert_int_equal(counter_get(&rig->counters, COUNTER_CONNECTIONS_OPEN_INGRESS), 0);
    assert_int_equal(counter_get(&rig->counters, COUNTER_CONNECTIONS_OPEN_EGRESS), 0);
    if (rig->target >= 0) {
        close(rig->target);
    }
    entrance_close(&rig->door);
    if (rig_over_unix()) {
        folder_remove(rig->folder);
    }
    pki_deinit(&rig->pki);
}

static void rig_set_blocking(int fd, bool blocking)
{
    int flag = blocking ? 0 : 1;

    assert_int_equal(ioctl(fd, FIONBIO, &flag), 0);
}

static void rig_make_blocking(int fd)
{
    struct timeval wait = {.tv_sec = RIG_WAIT_MS / 1000};

    sockets_tune(fd, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
    rig_set_blocking(fd, true);
}

int rig_connect(const struct rig *rig)
{
    int fd = sockets_connect(&rig->entry);

    assert_true(fd >= 0);
    /* Whether it was reset since is not asked: that would take the error from whoever expects it.
     */
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, RIG_WAIT_MS), 1);
    rig_make_blocking(fd);
    return fd;
}

int rig_accept(const struct rig *rig)
{
    struct sockets_address peer = {.len = 0};
    int fd = -1;

    assert_int_equal(poll(&(struct pollfd){.fd = rig->target, .events = POLLIN}, 1, RIG_WAIT_MS),
                     1);
    fd = sockets_accept(rig->target, &peer);
    assert_true(fd >= 0);
    rig_make_blocking(fd);
    return fd;
}

bool rig_untouched(const struct rig *rig)
{
    return poll(&(struct pollfd){.fd = rig->target, .events = POLLIN}, 1, 0) == 0;
}

SSL *rig_tls_begin(const struct rig *rig, int fd, const char *uri, bool server)
{
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    SSL_CTX *ctx = NULL;
    SSL *ssl = NULL;

    if (uri != NULL) {
        pki_leaf(&rig->pki, uri, 3600, &leaf, &key);
    }
    ctx = pki_ctx(&rig->pki, leaf, key);
    ssl = SSL_new(ctx);
    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    if (server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    SSL_CTX_free(ctx);
    X509_free(leaf);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ssl;
}

SSL *rig_tls(const struct rig *rig, int fd, const char *uri)
{
    SSL *ssl = rig_tls_begin(rig, fd, uri, rig->shape == RIG_EGRESS);

    assert_int_equal(SSL_do_handshake(ssl), 1);
    return ssl;
}

struct rig_pair rig_pair(const struct rig *rig)
{
    struct rig_pair pair = {.app = -1};

    if (rig->shape == RIG_INGRESS) {
        pair.peer_fd = rig_connect(rig);
        pair.peer = rig_tls(rig, pair.peer_fd, RIG_FRIEND);
        pair.app = rig_accept(rig);
    } else {
        pair.app = rig_connect(rig);
        pair.peer_fd = rig_accept(rig);
        pair.peer = rig_tls(rig, pair.peer_fd, RIG_FRIEND);
    }
    return pair;
}

void rig_pair_close(struct rig_pair *pair)
{
    SSL_free(pair->peer);
    if (pair->peer_fd >= 0) {
        close(pair->peer_fd);
    }
    if (pair->app >= 0) {
        close(pair->app);
    }
}

void rig_put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void rig_expect(int fd, const char *text)
{
    char got[256] = "";

    assert_true(strlen(text) < sizeof(got));
    assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), strlen(text));
    assert_string_equal(got, text);
}

void rig_tls_put(SSL *ssl, const char *text)
{
    ERR_clear_error();
    assert_int_equal(SSL_write(ssl, text, (int)strlen(text)), strlen(text));
}

void rig_tls_expect(SSL *ssl, const char *text)
{
    char got[256] = "";
    size_t len = 0;

    assert_true(strlen(text) < sizeof(got));
    while (len < strlen(text)) {
        int rc = 0;

        ERR_clear_error();
        rc = SSL_read(ssl, got + len, (int)(strlen(text) - len));
        assert_true(rc > 0);
        len += (size_t)rc;
    }
    assert_string_equal(got, text);
}

void rig_expect_eof(int fd)
{
    char byte = 0;

    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

void rig_expect_reset(int fd)
{
    static char data[65536];
    int domain = 0;
    socklen_t domain_len = sizeof(domain);
    ssize_t len = 0;

    do {
        len = recv(fd, data, sizeof(data), 0);
    } while (len > 0);
    if (len < 0) {
        assert_int_equal(errno, ECONNRESET);
        return;
    }
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len), 0);
    if (domain == AF_UNIX) {
        return; /* it shows an end at best */
    }
    /* After a FIN the kernel shows a reset only like this. */
    assert_int_equal(poll(&(struct pollfd){.fd = fd}, 1, RIG_WAIT_MS), 1);
    assert_int_equal(sockets_error(fd), EPIPE);
}

/* Reads all there is: what ended it, an SSL_ERROR_. */
static int rig_tls_end(SSL *ssl)
{
    static char data[16384];
    int rc = 0;

    do {
        ERR_clear_error();
        errno = 0;
        rc = SSL_read(ssl, data, sizeof(data));
    } while (rc > 0);
    return SSL_get_error(ssl, rc);
}

void rig_tls_expect_alert(SSL *ssl, int alert)
{
    assert_int_equal(rig_tls_end(ssl), SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_AD_REASON_OFFSET + alert);
}

void rig_tls_expect_reset(SSL *ssl)
{
    assert_int_equal(rig_tls_end(ssl), SSL_ERROR_SYSCALL);
    assert_int_equal(errno, ECONNRESET);
}

void rig_tls_expect_close(SSL *ssl)
{
    assert_int_equal(rig_tls_end(ssl), SSL_ERROR_ZERO_RETURN);
}

/* Sends with `send_some` (1: it took something, 0: full, -1: broken) until nothing has moved for
   `stuck_ms` after a pause, or the connection broke. */
static void rig_stuff(const struct rig *rig, int (*send_some)(void *arg), void *arg, int stuck_ms)
{
    int stuck = 0;

    for (unsigned i = 0; i < RIG_WAIT_MS && stuck < stuck_ms; i++) {
        int moved = send_some(arg);

        if (moved < 0) {
            return;
        }
        stuck = moved > 0 || counter_get(&rig->counters, COUNTER_PAUSES) == 0 ? 0 : stuck + 1;
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(stuck, stuck_ms);
}

static int rig_send_some(void *arg)
{
    static const char data[65536];
    int fd = *(int *)arg;
    int moved = 0;

    while (send(fd, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
        moved = 1;
    }
    return errno == EAGAIN ? moved : -1;
}

#define RIG_STUCK_MS 50 /* a socket that takes nothing for so long is full */

void rig_fill(const struct rig *rig, int fd)
{
    rig_stuff(rig, rig_send_some, &fd, RIG_STUCK_MS);
}

void rig_fill_until_broken(const struct rig *rig, int fd)
{
    rig_stuff(rig, rig_send_some, &fd, INT_MAX);
}

static int rig_tls_send_some(void *arg)
{
    static const char data[16384];
    int moved = 0;
    int rc = 0;

    do {
        ERR_clear_error();
        rc = SSL_write(arg, data, sizeof(data));
        moved = rc > 0 ? 1 : moved;
    } while (rc > 0);
    return SSL_get_error(arg, rc) == SSL_ERROR_WANT_WRITE ? moved : -1;
}

static void rig_tls_stuff(const struct rig *rig, SSL *ssl, int stuck_ms)
{
    rig_set_blocking(SSL_get_fd(ssl), false);
    rig_stuff(rig, rig_tls_send_some, ssl, stuck_ms);
    rig_set_blocking(SSL_get_fd(ssl), true);
}

void rig_tls_fill(const struct rig *rig, SSL *ssl)
{
    rig_tls_stuff(rig, ssl, RIG_STUCK_MS);
}

void rig_tls_fill_until_broken(const struct rig *rig, SSL *ssl)
{
    rig_tls_stuff(rig, ssl, INT_MAX);
}

void rig_say_hello(SSL *ssl)
{
    rig_set_blocking(SSL_get_fd(ssl), false);
    ERR_clear_error();
    assert_int_equal(SSL_get_error(ssl, SSL_do_handshake(ssl)), SSL_ERROR_WANT_READ);
    rig_set_blocking(SSL_get_fd(ssl), true);
}

void rig_expect_silence(int fd, int ms)
{
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN | POLLRDHUP}, 1, ms), 0);
}

void rig_await(const struct counters *counters, enum counter counter, uint64_t value)
{
    for (unsigned i = 0; i < RIG_WAIT_MS; i++) {
        if (counter_get(counters, counter) == value) {
            return;
        }
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(counter_get(counters, counter), value);
}

void rig_await_closed(const struct counters *counters, enum reason reason)
{
    rig_await(counters, (enum counter)(COUNTER_CLOSED + (unsigned)reason), 1);
}
