/*
 * Announce: the application of an ingress learns who its peer is before the first byte.
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
#include "tests/lib/rig.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* What stands behind the addresses: TLS, then who, as rig and generation_double.c have it. */
#define RECORDS                                                                                    \
    "\x20\x00\x16\x07\x00\x00\x00\x00"                                                             \
    "\x21\x00\x07TLSv1.3"                                                                          \
    "\x22\x00\x04leaf"                                                                             \
    "\xe0\x00\x15" RIG_FRIEND "\xe1\x00\x03sim"                                                    \
    "\xe2\x00\x03\x00\xa1\xff"

/* Signature to length, two addresses and ports. */
#define HEAD_LEN (16 + 12)

static void expect_bytes(int fd, const void *expected, size_t len)
{
    uint8_t got[512];

    assert_true(len <= sizeof(got));
    assert_int_equal(recv(fd, got, len, MSG_WAITALL), len);
    assert_memory_equal(got, expected, len);
}

/* The head that belongs to a connection from `source` to `destination`, both of IPv4. */
static void expect_head(int fd, const struct sockaddr_in *source,
                        const struct sockaddr_in *destination)
{
    uint8_t head[HEAD_LEN] = SIGNATURE "\x21\x11\x00";

    head[15] = 12 + sizeof(RECORDS) - 1;
    memcpy(head + 16, &source->sin_addr, 4);
    memcpy(head + 20, &destination->sin_addr, 4);
    memcpy(head + 24, &source->sin_port, 2);
    memcpy(head + 26, &destination->sin_port, 2);
    expect_bytes(fd, head, sizeof(head));
}

static void r28_the_header_comes_before_any_byte_of_the_peer(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .proxy = {.out = true}};
    struct sockets_address source = {.len = sizeof(source.u)};
    struct rig_pair pair;
    struct rig rig;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    assert_int_equal(getsockname(pair.peer_fd, &source.u.any, &source.len), 0);
    expect_head(pair.app, &source.u.v4, &rig.entry.u.v4);
    expect_bytes(pair.app, RECORDS, sizeof(RECORDS) - 1);
    rig_tls_put(pair.peer, "hello");
    rig_expect(pair.app, "hello");
    rig_put(pair.app, "welcome");
    rig_tls_expect(pair.peer, "welcome");
    rig_pair_close(&pair);
    rig_stop(&rig);
}

/* What a load balancer in front says of the peer goes on to the application. */
static void r28_addresses_of_a_header_in_go_into_the_header_out(void **state)
{
    static const char in[] = SIGNATURE "\x21\x11\x00\x13\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x50"
                                       "\x20\xfb\xe0\x00\x04root"; /* the record is not believed */
    struct sockaddr_in source = {.sin_addr = {htonl(0xc0000201)}, .sin_port = htons(50000)};
    struct sockaddr_in destination = {.sin_addr = {htonl(0xc6336402)}, .sin_port = htons(8443)};
    struct rig_options options = {.shape = RIG_INGRESS,
                                  .proxy = {.out = true, .in = true, .num_in_from = 1}};
    struct rig_pair pair = {.app = -1};
    struct err err;
    struct rig rig;

    assert_int_equal(prefix_parse("127.0.0.1", &options.proxy.in_from[0], &err), 0);
    rig_start(&rig, &options);
    pair.peer_fd = rig_connect(&rig);
    assert_int_equal(send(pair.peer_fd, in, sizeof(in) - 1, MSG_NOSIGNAL), sizeof(in) - 1);
    pair.peer = rig_tls(&rig, pair.peer_fd, RIG_FRIEND);
    pair.app = rig_accept(&rig);
    expect_head(pair.app, &source, &destination);
    expect_bytes(pair.app, RECORDS, sizeof(RECORDS) - 1);
    rig_pair_close(&pair);
    rig_stop(&rig);
}

static void a_header_is_not_counted_as_bytes_of_the_peer(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .proxy = {.out = true}};
    struct rig_pair pair;
    struct rig rig;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    rig_tls_put(pair.peer, "hello");
    rig_await(&rig.counters, COUNTER_BYTES_IN, 5);
    rig_pair_close(&pair);
    rig_stop(&rig);
    assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_IN), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r28_the_header_comes_before_any_byte_of_the_peer),
        cmocka_unit_test(r28_addresses_of_a_header_in_go_into_the_header_out),
        cmocka_unit_test(a_header_is_not_counted_as_bytes_of_the_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
