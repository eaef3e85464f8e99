/*
 * Preface: an ingress behind a load balancer: with a good header the peer is as good as one that
 * came directly; without it there is a reset, and no TLS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "common/err.h"
#include "proxy/proxy_protocol.h"
#include "tests/lib/rig.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4                                                                                         \
    "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x50\x20\xfb" /* 192.0.2.1:50000 198.51.100.2:8443 */
#define HEADER SIGNATURE "\x21\x11\x00\x0c" V4

static struct rig_options behind(const char *from)
{
    struct rig_options options = {.shape = RIG_INGRESS, .proxy = {.in = true, .num_in_from = 2}};
    struct err err;

    assert_int_equal(prefix_parse("203.0.113.0/24", &options.proxy.in_from[0], &err), 0);
    assert_int_equal(prefix_parse(from, &options.proxy.in_from[1], &err), 0);
    return options;
}

static void send_bytes(int fd, const char *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static void relay_once(const struct rig *rig, int fd)
{
    SSL *ssl = rig_tls(rig, fd, RIG_FRIEND);
    int app = rig_accept(rig);

    rig_tls_put(ssl, "through");
    rig_expect(app, "through");
    SSL_free(ssl);
    close(app);
}

static void r28_a_peer_behind_a_good_header_gets_through(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } rows[] = {
        {HEADER, sizeof(HEADER) - 1},
        {SIGNATURE "\x20\x00\x00\x00", 16},
        {SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xac\xdd\x3d\x75", 35},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = behind("127.0.0.0/8");
        struct rig rig;
        int fd = -1;

        rig_start(&rig, &options);
        fd = rig_connect(&rig);
        send_bytes(fd, rows[i].data, rows[i].len);
        relay_once(&rig, fd);
        close(fd);
        rig_stop(&rig);
    }
}

static void r28_a_header_in_single_bytes_is_a_header(void **state)
{
    struct rig_options options = behind("127.0.0.1");
    struct rig rig;
    int fd = -1;

    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    for (size_t i = 0; i < sizeof(HEADER) - 1; i++) {
        send_bytes(fd, &HEADER[i], 1);
        rig_expect_silence(fd, 1);
    }
    relay_once(&rig, fd);
    close(fd);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    rig_await(&rig.counters, COUNTER_BUFFER_BYTES, 0);
    rig_stop(&rig);
}

static void r28_any_other_beginning_is_a_reset(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } rows[] = {
        {"PROXY TCP4 192.0.2.1 198.51.100.2 50000 8443\r\n", 46},
        {"\x16\x03\x01\x02\x00\x01", 6},
        {SIGNATURE "\x21\x11\x0f\xf1", 16},                                   /* 4097 bytes */
        {SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xac\xdd\x3d\x74", 35}, /* checksum */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = behind("127.0.0.0/8");
        struct rig rig;
        int fd = -1;

        rig_start(&rig, &options);
        fd = rig_connect(&rig);
        send_bytes(fd, rows[i].data, rows[i].len);
        rig_expect_reset(fd);
        rig_await_closed(&rig.counters, REASON_PROXY_HEADER);
        assert_true(rig_untouched(&rig));
        close(fd);
        rig_stop(&rig);
    }
}

static void r28_every_truncated_header_is_a_reset(void **state)
{
    struct rig_options options = behind("127.0.0.0/8");
    struct rig rig;

    rig_start(&rig, &options);
    for (size_t len = 1; len < sizeof(HEADER) - 1; len++) {
        int fd = rig_connect(&rig);

        send_bytes(fd, HEADER, len);
        shutdown(fd, SHUT_WR);
        rig_expect_reset(fd);
        close(fd);
    }
    rig_await(&rig.counters, (enum counter)(COUNTER_CLOSED + REASON_PROXY_HEADER),
              sizeof(HEADER) - 2);
    assert_true(rig_untouched(&rig));
    rig_stop(&rig);
}

static void r28_whoever_is_not_listed_is_reset_with_the_best_header(void **state)
{
    struct rig_options options = behind("127.0.0.2");
    struct rig rig;
    int fd = -1;

    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    (void)send(fd, HEADER, sizeof(HEADER) - 1, MSG_NOSIGNAL);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_PROXY_HEADER);
    assert_true(rig_untouched(&rig));
    close(fd);
    rig_stop(&rig);
}

static void r1_half_a_header_lives_no_longer_than_a_handshake(void **state)
{
    struct rig_options options = behind("127.0.0.1");
    struct rig rig;
    int fd = -1;

    options.limits.handshake_ms = 300;
    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    send_bytes(fd, HEADER, 20);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_HANDSHAKE_TIMEOUT);
    close(fd);
    rig_stop(&rig);
}

/* The clock does not begin anew with the header. */
static void r1_a_header_does_not_extend_the_handshake(void **state)
{
    struct rig_options options = behind("127.0.0.1");
    struct rig rig;
    int fd = -1;

    options.limits.handshake_ms = 300;
    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    send_bytes(fd, HEADER, sizeof(HEADER) - 1);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_HANDSHAKE_TIMEOUT);
    close(fd);
    rig_stop(&rig);
}

static void r35_half_headers_count_as_handshakes(void **state)
{
    struct rig_options options = behind("127.0.0.1");
    struct rig rig;
    int fds[2];

    options.worker.handshakes_max = 1;
    rig_start(&rig, &options);
    fds[0] = rig_connect(&rig);
    send_bytes(fds[0], HEADER, 20);
    rig_await(&rig.counters, COUNTER_ACCEPTED_INGRESS, 1);
    fds[1] = rig_connect(&rig);
    send_bytes(fds[1], HEADER, sizeof(HEADER) - 1);
    rig_await(&rig.counters, COUNTER_ACCEPT_PAUSED, 1);
    assert_int_equal(counter_get(&rig.counters, COUNTER_ACCEPTED_INGRESS), 1);
    close(fds[0]);
    relay_once(&rig, fds[1]);
    close(fds[1]);
    rig_stop(&rig);
}

static void r35_behind_a_balancer_the_source_is_that_of_the_header(void **state)
{
    struct rig_options options = behind("127.0.0.1");
    struct rig rig;
    int fds[4];

    options.connections_max_from_source = 1;
    rig_start(&rig, &options);
    for (size_t i = 0; i < 4; i++) {
        static const char local[] = SIGNATURE "\x20\x00\x00\x00";
        bool checks = i == 1 || i == 2; /* of the balancer itself, as many as it likes */

        fds[i] = rig_connect(&rig);
        send_bytes(fds[i], checks ? local : HEADER,
                   checks ? sizeof(local) - 1 : sizeof(HEADER) - 1);
        if (i < 3) {
            rig_await(&rig.counters, COUNTER_ACCEPTED_INGRESS, i + 1);
            rig_expect_silence(fds[i], 1);
        }
    }
    rig_expect_reset(fds[3]);
    rig_await_closed(&rig.counters, REASON_LIMIT);
    assert_int_equal(counter_get(&rig.counters, COUNTER_SHED_SOURCE), 1);
    close(fds[3]);
    fds[3] = rig_connect(&rig);
    send_bytes(fds[3], SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x02\xc6\x33\x64\x02\xc3\x50\x20\xfb",
               sizeof(HEADER) - 1); /* another client */
    relay_once(&rig, fds[3]);
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r28_a_peer_behind_a_good_header_gets_through),
        cmocka_unit_test(r28_a_header_in_single_bytes_is_a_header),
        cmocka_unit_test(r28_any_other_beginning_is_a_reset),
        cmocka_unit_test(r28_every_truncated_header_is_a_reset),
        cmocka_unit_test(r28_whoever_is_not_listed_is_reset_with_the_best_header),
        cmocka_unit_test(r1_half_a_header_lives_no_longer_than_a_handshake),
        cmocka_unit_test(r1_a_header_does_not_extend_the_handshake),
        cmocka_unit_test(r35_half_headers_count_as_handshakes),
        cmocka_unit_test(r35_behind_a_balancer_the_source_is_that_of_the_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
