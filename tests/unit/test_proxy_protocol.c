/*
 * Proxy_protocol: the bytes of the header, both ways, and every way in which they can be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proxy/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4                                                                                         \
    "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x50\x20\xfb" /* 192.0.2.1:50000 198.51.100.2:8443 */
#define V6                                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"         \
    "\xc3\x50\x20\xfb"
#define TEXT(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static struct sockets_address address_of(const char *text)
{
    struct sockets_address address = {.len = 0};
    struct err err;

    if (text != NULL) {
        assert_int_equal(sockets_parse(text, &address, &err), 0);
    }
    return address;
}

static void r28_proxy_header_out_is_exact(void **state)
{
    static const struct {
        const char *source;
        const char *destination;
        struct proxy_protocol_peer peer;
        struct bytes expected;
    } rows[] = {
        {"192.0.2.1:50000",
         "198.51.100.2:8443",
         {.alpn = TEXT("h2"),
          .authority = TEXT("api.example"),
          .tls_version = TEXT("TLSv1.3"),
          .common_name = TEXT("api"),
          .spiffe = TEXT("spiffe://prod.example/snp/api"),
          .tee = TEXT("snp"),
          .measurement = TEXT("\xaa\x00\xbb")},
         TEXT(SIGNATURE "\x21\x11\x00\x63" V4 "\x01\x00\x02h2"
                        "\x02\x00\x0b"
                        "api.example"
                        "\x20\x00\x15\x07\x00\x00\x00\x00"
                        "\x21\x00\x07TLSv1.3"
                        "\x22\x00\x03"
                        "api"
                        "\xe0\x00\x1d"
                        "spiffe://prod.example/snp/api"
                        "\xe1\x00\x03snp"
                        "\xe2\x00\x03\xaa\x00\xbb")},
        {"[2001:db8::1]:50000",
         "[2001:db8::2]:8443",
         {.tls_version = TEXT("TLSv1.3"), .spiffe = TEXT("spiffe://a/b")},
         TEXT(SIGNATURE "\x21\x21\x00\x45" V6 "\x20\x00\x0f\x07\x00\x00\x00\x00"
                        "\x21\x00\x07TLSv1.3"
                        "\xe0\x00\x0c"
                        "spiffe://a/b")},
        /* IPv4 at a listener for both is IPv4; what is mixed is IPv6. */
        {"[::ffff:192.0.2.1]:50000",
         "[::ffff:198.51.100.2]:8443",
         {.spiffe = TEXT("spiffe://a/b")},
         TEXT(SIGNATURE "\x21\x11\x00\x23" V4 "\x20\x00\x05\x07\x00\x00\x00\x00"
                        "\xe0\x00\x0c"
                        "spiffe://a/b")},
        {"192.0.2.1:50000",
         "[2001:db8::2]:8443",
         {.spiffe = TEXT("spiffe://a/b")},
         TEXT(SIGNATURE "\x21\x21\x00\x3b\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"
                        "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xc3\x50\x20\xfb"
                        "\x20\x00\x05\x07\x00\x00\x00\x00"
                        "\xe0\x00\x0c"
                        "spiffe://a/b")},
        {NULL,
         "198.51.100.2:8443",
         {.spiffe = TEXT("spiffe://a/b")},
         TEXT(SIGNATURE "\x21\x00\x00\x17\x20\x00\x05\x07\x00\x00\x00\x00"
                        "\xe0\x00\x0c"
                        "spiffe://a/b")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proxy_protocol_peer peer = rows[i].peer;
        uint8_t storage[PROXY_PROTOCOL_MAX];
        struct buf out = buf_over(storage, sizeof(storage));

        peer.source = address_of(rows[i].source);
        peer.destination = address_of(rows[i].destination);
        assert_true(proxy_protocol_write(&peer, &out));
        assert_int_equal(out.len, rows[i].expected.len);
        assert_memory_equal(out.data, rows[i].expected.data, out.len);
    }
}

static void r28_what_does_not_fit_is_not_written(void **state)
{
    static const uint8_t text[PROXY_PROTOCOL_MAX] = {0};
    /* Signature to length, then TLS without version and name, then the record itself. */
    const size_t room = PROXY_PROTOCOL_MAX - PROXY_PROTOCOL_FIXED_LEN - 8 - 3;

    for (size_t over = 0; over < 2; over++) {
        struct proxy_protocol_peer peer = {.spiffe = {text, room + over}};
        uint8_t storage[2 * PROXY_PROTOCOL_MAX];
        struct buf out = buf_over(storage, sizeof(storage));

        assert_int_equal(proxy_protocol_write(&peer, &out), over == 0);
        assert_int_equal(out.len, over == 0 ? PROXY_PROTOCOL_MAX : 0);
        out = buf_over(storage, PROXY_PROTOCOL_MAX - 1);
        assert_false(proxy_protocol_write(&peer, &out));
        assert_int_equal(out.len, 0);
    }
}

/* Reads from a block of exactly that size, so that a read past its end is found. */
static enum proxy_protocol_status read_copy(struct bytes in, struct proxy_protocol_addresses *out,
                                            size_t *out_len, struct err *err)
{
    enum proxy_protocol_status status = PROXY_PROTOCOL_BAD;
    uint8_t *copy = malloc(in.len + (in.len == 0));

    assert_non_null(copy);
    memcpy(copy, in.data, in.len);
    status = proxy_protocol_read((struct bytes){copy, in.len}, out, out_len, err);
    free(copy);
    return status;
}

static const struct good {
    struct bytes header;
    const char *source; /* NULL: none */
    const char *destination;
} goods[] = {
    {TEXT(SIGNATURE "\x21\x11\x00\x0c" V4), "192.0.2.1:50000", "198.51.100.2:8443"},
    {TEXT(SIGNATURE "\x21\x21\x00\x24" V6), "[2001:db8::1]:50000", "[2001:db8::2]:8443"},
    {TEXT(SIGNATURE "\x21\x11\x00\x15" V4 "\x01\x00\x02h2\xe0\x00\x01x"), "192.0.2.1:50000",
     "198.51.100.2:8443"},
    {TEXT(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xac\xdd\x3d\x75"), "192.0.2.1:50000",
     "198.51.100.2:8443"},
    {TEXT(SIGNATURE "\x20\x00\x00\x00"), NULL, NULL},
    {TEXT(SIGNATURE "\x20\x11\x00\x0c" V4), NULL, NULL},
    {TEXT(SIGNATURE "\x20\x11\x00\x01x"), NULL, NULL},
    {TEXT(SIGNATURE "\x21\x00\x00\x00"), NULL, NULL},
    {TEXT(SIGNATURE "\x21\x00\x00\x04\x04\x00\x01x"), NULL, NULL},
};

static void expect_address(const struct sockets_address *address, const char *expected)
{
    char text[SOCKETS_TEXT_CAP] = "";

    sockets_format(address, text);
    assert_string_equal(text, expected != NULL ? expected : "-");
}

static void r28_good_headers_say_the_addresses(void **state)
{
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        struct proxy_protocol_addresses addresses = {.source = {.len = 0}};
        size_t len = 0;
        struct err err = {0};

        assert_int_equal(read_copy(goods[i].header, &addresses, &len, &err), PROXY_PROTOCOL_DONE);
        assert_int_equal(len, goods[i].header.len);
        expect_address(&addresses.source, goods[i].source);
        expect_address(&addresses.destination, goods[i].destination);
    }
}

/* At every length it wants more, and never what lies behind the header. */
static void r28_every_truncation_waits_for_the_rest(void **state)
{
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        for (size_t len = 0; len < goods[i].header.len; len++) {
            struct proxy_protocol_addresses addresses = {.source = {.len = 0}};
            size_t need = 0;
            struct err err = {0};

            assert_int_equal(
                read_copy((struct bytes){goods[i].header.data, len}, &addresses, &need, &err),
                PROXY_PROTOCOL_MORE);
            assert_int_equal(need, len < PROXY_PROTOCOL_FIXED_LEN ? PROXY_PROTOCOL_FIXED_LEN
                                                                  : goods[i].header.len);
            assert_int_equal(addresses.source.len, 0);
        }
    }
}

static void r28_bad_headers_are_refused_as_soon_as_they_are_bad(void **state)
{
    static const struct {
        struct bytes header;
        const char *why;
    } rows[] = {
        {TEXT("P"), "signature"},
        {TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 8443\r\n"), "signature"},
        {TEXT("\x16"), "signature"},
        {TEXT("\r\n\r\n\x01"), "signature"},
        {TEXT("\r\n\r\n\0\r\nQUIT\r"), "signature"},
        {TEXT(SIGNATURE "\x11\x11\x00\x0c"), "version"},
        {TEXT(SIGNATURE "\x31\x11\x00\x0c"), "version"},
        {TEXT(SIGNATURE "\x22\x11\x00\x0c"), "command"},
        {TEXT(SIGNATURE "\x2f\x11\x00\x0c"), "command"},
        {TEXT(SIGNATURE "\x21\x12\x00\x0c"), "family"},
        {TEXT(SIGNATURE "\x21\x22\x00\x24"), "family"},
        {TEXT(SIGNATURE "\x21\x10\x00\x0c"), "family"},
        {TEXT(SIGNATURE "\x21\x01\x00\x0c"), "family"},
        {TEXT(SIGNATURE "\x21\x41\x00\x0c"), "family"},
        {TEXT(SIGNATURE "\x20\x32\x00\x00"), "family"},
        {TEXT(SIGNATURE "\x21\x11\x00\x0b"), "short"},
        {TEXT(SIGNATURE "\x21\x21\x00\x23"), "short"},
        {TEXT(SIGNATURE "\x21\x31\x00\xd7"), "short"},
        {TEXT(SIGNATURE "\x21\x11\x0f\xf1"), "long"},
        {TEXT(SIGNATURE "\x21\x11\xff\xff"), "long"},
        {TEXT(SIGNATURE "\x21\x11\x00\x0d" V4 "\x01"), "record"},
        {TEXT(SIGNATURE "\x21\x11\x00\x0e" V4 "\x01\x00"), "record"},
        {TEXT(SIGNATURE "\x21\x11\x00\x0f" V4 "\x01\x00\x01"), "record"},
        {TEXT(SIGNATURE "\x21\x11\x00\x10" V4 "\x01\xff\xffx"), "record"},
        {TEXT(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xac\xdd\x3d\x74"), "checksum"},
        {TEXT(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\x00\x00\x00\x00"), "checksum"},
        {TEXT(SIGNATURE "\x21\x11\x00\x12" V4 "\x03\x00\x03\xac\xdd\x3d"), "checksum"},
        {TEXT(SIGNATURE "\x21\x11\x00\x1a" V4 "\x03\x00\x04\xac\xdd\x3d\x75"
                        "\x03\x00\x04\xac\xdd\x3d\x75"),
         "checksum"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proxy_protocol_addresses addresses = {.source = {.len = 0}};
        size_t len = 77;
        struct err err = {0};

        assert_int_equal(read_copy(rows[i].header, &addresses, &len, &err), PROXY_PROTOCOL_BAD);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, rows[i].why));
        assert_int_equal(len, 77);
        assert_int_equal(addresses.source.len, 0);
    }
}

static void r28_a_header_may_have_4096_bytes_and_not_one_more(void **state)
{
    static uint8_t header[PROXY_PROTOCOL_MAX] = SIGNATURE "\x21\x11\x0f\xf0" V4 "\x04\x0f\xe1";
    struct proxy_protocol_addresses addresses = {.source = {.len = 0}};
    struct bytes in = {header, sizeof(header)};
    size_t len = 0;
    struct err err = {0};

    assert_int_equal(read_copy(in, &addresses, &len, &err), PROXY_PROTOCOL_DONE);
    assert_int_equal(len, 4096);
    header[15]++;
    assert_int_equal(read_copy(in, &addresses, &len, &err), PROXY_PROTOCOL_BAD);
}

static void r28_what_we_write_we_read(void **state)
{
    struct proxy_protocol_peer peer = {.source = address_of("192.0.2.1:50000"),
                                       .destination = address_of("198.51.100.2:8443"),
                                       .spiffe = TEXT("spiffe://a/b")};
    struct proxy_protocol_addresses addresses = {.source = {.len = 0}};
    uint8_t storage[PROXY_PROTOCOL_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    size_t len = 0;
    struct err err = {0};

    assert_true(proxy_protocol_write(&peer, &out));
    assert_int_equal(read_copy((struct bytes){out.data, out.len}, &addresses, &len, &err),
                     PROXY_PROTOCOL_DONE);
    assert_int_equal(len, out.len);
    expect_address(&addresses.source, "192.0.2.1:50000");
    expect_address(&addresses.destination, "198.51.100.2:8443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r28_proxy_header_out_is_exact),
        cmocka_unit_test(r28_what_does_not_fit_is_not_written),
        cmocka_unit_test(r28_good_headers_say_the_addresses),
        cmocka_unit_test(r28_every_truncation_waits_for_the_rest),
        cmocka_unit_test(r28_bad_headers_are_refused_as_soon_as_they_are_bad),
        cmocka_unit_test(r28_a_header_may_have_4096_bytes_and_not_one_more),
        cmocka_unit_test(r28_what_we_write_we_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
