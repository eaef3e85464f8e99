/*
 * Sockets: how addresses are read and written, and what the descriptors are like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sockets.h"

#define PATH_21 "abcdefghijklmnopqrstu"
#define PATH_105 PATH_21 PATH_21 PATH_21 PATH_21 PATH_21

static void addresses_are_read_and_written_the_same(void **state)
{
    static const struct {
        const char *text;
        bool local;
    } rows[] = {
        {"127.0.0.1:8080", true},   {"127.9.9.9:1", true},
        {"0.0.0.0:0", false},       {"10.1.2.3:65535", false},
        {"[::1]:443", true},        {"[2001:db8::7]:1", false},
        {"[::]:0", false},          {"unix:/run/app.sock", true},
        {"vsock:1:80", false},      {"vsock:4294967295:0", false},
        {"unix:/1" PATH_105, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockets_address address = {.len = 0};
        char text[SOCKETS_TEXT_CAP] = "";
        struct err err;

        assert_int_equal(sockets_parse(rows[i].text, &address, &err), 0);
        sockets_format(&address, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(sockets_is_local(&address), rows[i].local);
    }
}

static void ipv4_in_an_ipv6_address_is_ipv4(void **state)
{
    static const struct {
        const char *text;
        const char *plain;
    } rows[] = {
        {"[::ffff:10.1.2.3]:80", "10.1.2.3:80"},
        {"10.1.2.3:80", "10.1.2.3:80"},
        {"[2001:db8::1]:80", "[2001:db8::1]:80"},
        {"unix:/run/app", "unix:/run/app"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockets_address address = {.len = 0};
        char text[SOCKETS_TEXT_CAP] = "";
        struct err err;

        assert_int_equal(sockets_parse(rows[i].text, &address, &err), 0);
        address = sockets_plain(&address);
        sockets_format(&address, text);
        assert_string_equal(text, rows[i].plain);
    }
    assert_int_equal(sockets_plain(&(struct sockets_address){.len = 0}).len, 0);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:+1",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1",
        "localhost:80",
        "[localhost]:80",
        "1.2.3:80",
        "[1.2.3.4]:1",
        "1.2.3.4:1x",
        "[::1%nosuch]:1",
        "1.2.3.4:000001",
        "unix:",
        "unix:run/x",
        "unix:/run/",
        "unix:@x",
        "unix:80",
        "unix:/12" PATH_105,
        "vsock:",
        "vsock:1",
        "vsock:1:",
        "vsock::1",
        "vsock:1:2:3",
        "vsock:-1:2",
        "vsock:4294967296:2",
        "vsock:00000000001:2",
        "vsock:1:4294967295",
        "vsock:1:2 ",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockets_address address = {.len = 0};
        struct err err;

        assert_int_equal(sockets_parse(rows[i], &address, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(address.len, 0);
    }
}

static void a_host_is_split_from_its_port(void **state)
{
    char host[SOCKETS_HOST_CAP] = "";
    char text[400] = "";
    uint16_t port = 0;
    struct err err;

    assert_int_equal(sockets_split("db.prod.example:5432", host, &port, &err), 0);
    assert_string_equal(host, "db.prod.example");
    assert_int_equal(port, 5432);
    assert_int_equal(sockets_split("[::1]:7", host, &port, &err), 0);
    assert_string_equal(host, "::1");
    assert_int_equal(sockets_split("unix:/run/x", host, &port, &err), 0);
    assert_string_equal(host, "unix:/run/x");
    assert_int_equal(port, 0);
    assert_int_equal(sockets_split("vsock:3:4", host, &port, &err), 0);
    assert_string_equal(host, "vsock:3:4");
    assert_int_equal(sockets_split("[::1]:7", host, &port, &err), 0);
    memset(text, 'a', 300);
    memcpy(text + 300, ":1", 3);
    assert_int_equal(sockets_split(text, host, &port, &err), -1);
    assert_string_equal(host, "::1");
}

static void a_socket_that_is_handed_over_has_a_name(void **state)
{
    assert_string_equal(sockets_handed_over("systemd:liftgate.socket"), "liftgate.socket");
    assert_null(sockets_handed_over("systemd:"));
    assert_null(sockets_handed_over("systemd:a:b"));
    assert_null(sockets_handed_over("systemd:a b"));
    assert_null(sockets_handed_over("unix:/run/x"));
}

static void a_target_is_joined_as_it_was_split(void **state)
{
    static const char *const rows[] = {"db.prod.example:5432", "[::1]:7", "1.2.3.4:5",
                                       "unix:/run/x", "vsock:3:4"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char host[SOCKETS_HOST_CAP] = "";
        char text[SOCKETS_TARGET_CAP] = "";
        uint16_t port = 0;
        struct err err;

        assert_int_equal(sockets_split(rows[i], host, &port, &err), 0);
        sockets_join(host, port, text);
        assert_string_equal(text, rows[i]);
    }
}

/* A client's own path may fill its field without a NUL. */
static void a_path_of_any_form_is_written_within_its_room(void **state)
{
    struct sockets_address address = {.len = sizeof(address.u.local)};
    char text[SOCKETS_TEXT_CAP] = "";

    address.u.local.sun_family = AF_UNIX;
    memset(address.u.local.sun_path, 'x', sizeof(address.u.local.sun_path));
    sockets_format(&address, text);
    assert_int_equal(strlen(text), 5 + sizeof(address.u.local.sun_path));
    address.u.local.sun_path[0] = '\0'; /* an abstract name */
    sockets_format(&address, text);
    assert_string_equal(text, "unix:");
}

static void a_connection_is_made_and_reset(void **state)
{
    struct sockets_listen_options options = {.backlog = 8};
    struct sockets_address address = {.len = 0};
    struct sockets_address peer = {.len = 0};
    struct err err;
    char byte = 0;
    int listener = -1;
    int client = -1;
    int server = -1;

    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    listener = sockets_listen(&address, &options, &err);
    assert_true(listener >= 0);
    assert_int_equal(sockets_bound(listener, &address, &err), 0);
    assert_int_not_equal(sockets_port(&address), 0);
    assert_int_equal(sockets_accept(listener, &peer), -1);
    assert_int_equal(errno, EAGAIN);

    client = sockets_connect(&address);
    assert_true(client >= 0);
    assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 5000), 1);
    server = sockets_accept(listener, &peer);
    assert_true(server >= 0);
    assert_true(sockets_is_local(&peer));
    assert_true((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);
    sockets_tune(server, 1000);

    sockets_reset(server);
    assert_int_equal(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 5000), 1);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(sockets_error(client), 0);
    close(client);
    close(listener);
}

/* Where there is no vsock, or no loopback of it, nothing must go to the host instead. */
static void vsock_loopback_stays_on_this_machine(void **state)
{
    const struct sockets_listen_options options = {.backlog = 8};
    struct sockets_address address = {.len = 0};
    struct sockets_address peer = {.len = 0};
    struct err err;
    int listener = -1;
    int client = -1;
    int server = -1;

    assert_int_equal(sockets_parse("vsock:1:0", &address, &err), 0);
    listener = sockets_listen(&address, &options, &err);
    if (listener < 0) {
        assert_non_null(strstr(err.msg, "vsock:1:0"));
        address.u.vm.svm_port = 1;
        assert_int_equal(sockets_connect(&address), -1);
        assert_true(errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT || errno == ENODEV);
        skip();
    }
    assert_int_equal(sockets_bound(listener, &address, &err), 0);
    assert_int_not_equal(address.u.vm.svm_port, 0);
    client = sockets_connect(&address);
    assert_true(client >= 0);
    assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 5000), 1);
    server = sockets_accept(listener, &peer);
    assert_true(server >= 0);
    assert_int_equal(peer.u.vm.svm_cid, VMADDR_CID_LOCAL);
    close(server);
    close(client);
    close(listener);
}

static void an_address_in_use_is_an_error_with_its_name(void **state)
{
    struct sockets_listen_options options = {.backlog = 8};
    struct sockets_address address = {.len = 0};
    struct err err;
    int listener = -1;

    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    listener = sockets_listen(&address, &options, &err);
    assert_int_equal(sockets_bound(listener, &address, &err), 0);
    assert_int_equal(sockets_listen(&address, &options, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "listen on 127.0.0.1:"));
    close(listener);
}

static void a_socket_that_met_itself_is_recognised(void **state)
{
    struct sockets_listen_options options = {.backlog = 8};
    struct sockets_address address = {.len = 0};
    struct err err;
    int listener = -1;
    int honest = -1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    assert_int_equal(bind(fd, &address.u.any, address.len), 0);
    assert_int_equal(sockets_bound(fd, &address, &err), 0);
    assert_false(sockets_is_own_peer(fd));
    assert_int_equal(connect(fd, &address.u.any, address.len), 0);
    assert_true(sockets_is_own_peer(fd));
    close(fd);

    assert_int_equal(sockets_parse("[::1]:0", &address, &err), 0);
    listener = sockets_listen(&address, &options, &err);
    assert_int_equal(sockets_bound(listener, &address, &err), 0);
    honest = sockets_connect(&address);
    assert_int_equal(poll(&(struct pollfd){.fd = honest, .events = POLLOUT}, 1, 5000), 1);
    assert_false(sockets_is_own_peer(honest));
    close(honest);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written_the_same),
        cmocka_unit_test(ipv4_in_an_ipv6_address_is_ipv4),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(a_host_is_split_from_its_port),
        cmocka_unit_test(a_socket_that_is_handed_over_has_a_name),
        cmocka_unit_test(a_target_is_joined_as_it_was_split),
        cmocka_unit_test(a_path_of_any_form_is_written_within_its_room),
        cmocka_unit_test(a_connection_is_made_and_reset),
        cmocka_unit_test(vsock_loopback_stays_on_this_machine),
        cmocka_unit_test(a_socket_that_met_itself_is_recognised),
        cmocka_unit_test(an_address_in_use_is_an_error_with_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
