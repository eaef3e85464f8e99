/*
 * Relay: bytes arrive whole and in order, ends of streams only where they really ended, and slow
 * readers hold back their writers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <uv.h>

#include "tests/lib/far_end.h"
#include "tests/lib/rig.h"

static void a_request_and_its_reply_pass(void **state)
{
    static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};

    for (size_t i = 0; i < 2; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "hello");
        rig_expect(pair.app, "hello");
        rig_put(pair.app, "world");
        rig_tls_expect(pair.peer, "world");
        assert_int_equal(SSL_shutdown(pair.peer), 0);
        rig_expect_eof(pair.app);
        shutdown(pair.app, SHUT_WR);
        assert_int_equal(SSL_shutdown(pair.peer), 1);
        rig_expect_eof(pair.peer_fd);
        rig_pair_close(&pair);
        rig_await_closed(&rig.counters, REASON_CLEAN);
        assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_IN), 5);
        assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_OUT), 5);
        rig_stop(&rig);
    }
}

static void bytes_sent_with_the_handshake_are_not_lost(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    struct rig rig;
    int fd = -1;
    int app = -1;
    SSL *ssl = NULL;

    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    ssl = rig_tls(&rig, fd, RIG_FRIEND);
    rig_tls_put(ssl, "early"); /* before the application is dialled, most often */
    assert_int_equal(SSL_shutdown(ssl), 0);
    shutdown(fd, SHUT_WR);
    app = rig_accept(&rig);
    rig_expect(app, "early");
    rig_expect_eof(app);
    rig_put(app, "late");
    close(app);
    rig_tls_expect(ssl, "late");
    assert_int_equal(SSL_shutdown(ssl), 1);
    SSL_free(ssl);
    close(fd);
    rig_await_closed(&rig.counters, REASON_CLEAN);
    rig_stop(&rig);
}

static void r4_each_side_may_end_its_stream_first(void **state)
{
    for (unsigned app_first = 0; app_first < 2; app_first++) {
        struct rig_options options = {.shape = RIG_INGRESS};
        struct rig_pair pair;
        struct rig rig;
        char byte = 0;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        if (app_first == 1) {
            rig_put(pair.app, "bye");
            shutdown(pair.app, SHUT_WR);
            rig_tls_expect(pair.peer, "bye");
            assert_int_equal(SSL_read(pair.peer, &byte, 1), 0);
            assert_int_equal(SSL_get_error(pair.peer, 0), SSL_ERROR_ZERO_RETURN);
            /* no FIN yet: the TCP stream stays open for what the peer still has to say */
            assert_int_equal(poll(&(struct pollfd){.fd = pair.peer_fd, .events = POLLIN}, 1, 0), 0);
            rig_tls_put(pair.peer, "still here");
            rig_expect(pair.app, "still here");
            assert_int_equal(SSL_shutdown(pair.peer), 1);
            rig_expect_eof(pair.app);
        } else {
            assert_int_equal(SSL_shutdown(pair.peer), 0);
            rig_expect_eof(pair.app);
            rig_put(pair.app, "still here");
            rig_tls_expect(pair.peer, "still here");
            shutdown(pair.app, SHUT_WR);
            assert_int_equal(SSL_shutdown(pair.peer), 1);
        }
        rig_expect_eof(pair.peer_fd);
        rig_pair_close(&pair);
        rig_await_closed(&rig.counters, REASON_CLEAN);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_APP), 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 0);
        rig_stop(&rig);
    }
}

/* Half a megabyte in flight at a time would be plenty: this is far more than the kernel holds. */
#define STREAM_LEN ((size_t)24 * 1024 * 1024)

struct stream {
    int fd;
    unsigned seed;
    bool slow;
    bool failed;
};

static uint8_t stream_byte(unsigned seed, size_t i)
{
    return (uint8_t)((i * 2654435761U + seed) >> 13);
}

static void stream_write(void *arg)
{
    struct stream *stream = arg;
    uint8_t data[30011];
    size_t done = 0;

    while (done < STREAM_LEN && !stream->failed) {
        size_t len = 1 + (done * 7 + stream->seed) % sizeof(data);
        size_t put = 0;

        len = len < STREAM_LEN - done ? len : STREAM_LEN - done;
        for (size_t i = 0; i < len; i++) {
            data[i] = stream_byte(stream->seed, done + i);
        }
        while (put < len && !stream->failed) {
            ssize_t rc = send(stream->fd, data + put, len - put, MSG_NOSIGNAL);

            stream->failed = rc <= 0;
            put += rc > 0 ? (size_t)rc : 0;
        }
        done += len;
    }
    shutdown(stream->fd, SHUT_WR);
}

static void stream_read(void *arg)
{
    struct stream *stream = arg;
    uint8_t data[16384];
    size_t done = 0;
    ssize_t rc = 0;

    if (stream->slow) { /* until everything on the way is full and the writer has to wait */
        (void)poll(NULL, 0, 300);
    }
    do {
        rc = recv(stream->fd, data, stream->slow ? 1 + done % sizeof(data) : sizeof(data), 0);
        for (ssize_t i = 0; i < rc && !stream->failed; i++) {
            stream->failed = data[i] != stream_byte(stream->seed, done + (size_t)i);
        }
        done += rc > 0 ? (size_t)rc : 0;
    } while (rc > 0);
    stream->failed = stream->failed || rc < 0 || done != STREAM_LEN;
}

static void long_streams_pass_unchanged_both_ways_through_slow_readers(void **state)
{
    struct rig_options options = {.shape = RIG_CHAIN};
    struct stream streams[4];
    uv_thread_t threads[4];
    struct rig rig;
    int client = -1;
    int app = -1;

    rig_start(&rig, &options);
    client = rig_connect(&rig);
    app = rig_accept(&rig);
    streams[0] = (struct stream){.fd = client, .seed = 1};
    streams[1] = (struct stream){.fd = app, .seed = 1, .slow = true};
    streams[2] = (struct stream){.fd = app, .seed = 2};
    streams[3] = (struct stream){.fd = client, .seed = 2, .slow = true};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(
            uv_thread_create(&threads[i], i % 2 == 0 ? stream_write : stream_read, &streams[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(uv_thread_join(&threads[i]), 0);
        assert_false(streams[i].failed);
    }
    close(client);
    close(app);
    rig_await_closed(&rig.counters, REASON_CLEAN);
    rig_await_closed(&rig.egress_counters, REASON_CLEAN);
    assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_IN), STREAM_LEN);
    assert_int_equal(counter_get(&rig.egress_counters, COUNTER_BYTES_IN), STREAM_LEN);
    assert_true(counter_get(&rig.counters, COUNTER_PAUSES) > 0);
    assert_true(counter_get(&rig.egress_counters, COUNTER_PAUSES) > 0);
    rig_stop(&rig);
}

static void r2_memory_is_bounded_while_a_reader_stands_still(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    static const uint8_t data[16384];
    struct timeval soon = {.tv_usec = 300000};
    struct rig_pair pair;
    struct rig rig;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    assert_int_equal(setsockopt(pair.app, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
    while (send(pair.app, data, sizeof(data), MSG_NOSIGNAL) > 0) {
        assert_true(counter_get(&rig.counters, COUNTER_BUFFER_BYTES) <= 144 * 1024);
    }
    assert_int_equal(errno, EAGAIN); /* the writer is held back */
    assert_true(counter_get(&rig.counters, COUNTER_PAUSES) >= 1);
    assert_true(counter_get(&rig.counters, COUNTER_BUFFER_BYTES) <= 144 * 1024);
    rig_pair_close(&pair);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    rig_await(&rig.counters, COUNTER_BUFFER_BYTES, 0);
    rig_stop(&rig);
}

static void r9_everything_read_before_the_end_is_written_before_the_end(void **state)
{
    struct rig_options options = {.shape = RIG_CHAIN};
    struct stream writer = {.seed = 3};
    struct stream reader = {.seed = 3, .slow = true};
    uv_thread_t thread;
    struct rig rig;

    rig_start(&rig, &options);
    writer.fd = rig_connect(&rig);
    reader.fd = rig_accept(&rig);
    shutdown(reader.fd, SHUT_WR);
    assert_int_equal(uv_thread_create(&thread, stream_write, &writer), 0);
    stream_read(&reader);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_false(writer.failed || reader.failed);
    close(writer.fd);
    close(reader.fd);
    rig_await_closed(&rig.counters, REASON_CLEAN);
    rig_stop(&rig);
}

static void expect_options(int fd, int user_timeout_ms)
{
    const struct {
        int level;
        int option;
        int value;
    } rows[] = {
        {SOL_SOCKET, SO_OOBINLINE, 1},           {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},           {IPPROTO_TCP, TCP_KEEPIDLE, 30},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10},        {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 65536}, {IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        socklen_t len = sizeof(int);
        int value = -1;

        assert_int_equal(getsockopt(fd, rows[i].level, rows[i].option, &value, &len), 0);
        assert_int_equal(value, rows[i].value);
    }
}

/* Those that were accepted and those that were dialled, on either side. */
static void every_leg_has_the_options_of_a_data_socket(void **state)
{
    static const struct {
        enum rig_shape shape;
        uint64_t write_stall_ms;
        int user_timeout_ms;
    } rows[] = {
        {RIG_INGRESS, 4321, 4321},
        {RIG_EGRESS, 4321, 4321},
        {RIG_INGRESS, (UINT64_C(1) << 32) + 1, INT_MAX}, /* 50 days are not a millisecond */
        {RIG_EGRESS, (UINT64_C(1) << 32) + 1, INT_MAX},
    };

    if (rig_over_unix()) {
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = {.shape = rows[i].shape,
                                      .limits = {.write_stall_ms = rows[i].write_stall_ms}};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "hello");
        rig_expect(pair.app, "hello");
        expect_options(far_end(pair.peer_fd), rows[i].user_timeout_ms);
        expect_options(far_end(pair.app), 0);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_and_its_reply_pass),
        cmocka_unit_test(bytes_sent_with_the_handshake_are_not_lost),
        cmocka_unit_test(r4_each_side_may_end_its_stream_first),
        cmocka_unit_test(long_streams_pass_unchanged_both_ways_through_slow_readers),
        cmocka_unit_test(r2_memory_is_bounded_while_a_reader_stands_still),
        cmocka_unit_test(r9_everything_read_before_the_end_is_written_before_the_end),
        cmocka_unit_test(every_leg_has_the_options_of_a_data_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
