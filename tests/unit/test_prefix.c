/*
 * Prefix: which addresses a network holds, and which texts are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/un.h>

#include "common/err.h"
#include "common/prefix.h"

static void a_network_holds_what_has_its_first_bits(void **state)
{
    static const struct {
        const char *prefix;
        const char *address;
        bool holds;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3:1", true},
        {"10.1.2.3", "10.1.2.2:1", false},
        {"10.1.2.3/32", "[::ffff:10.1.2.3]:1", true},
        {"10.1.0.0/16", "10.1.255.255:1", true},
        {"10.1.0.0/16", "10.2.0.0:1", false},
        {"10.1.2.128/25", "10.1.2.128:1", true},
        {"10.1.2.128/25", "10.1.2.127:1", false},
        {"0.0.0.0/1", "127.255.0.1:1", true},
        {"0.0.0.0/1", "128.0.0.1:1", false},
        {"0.0.0.0/1", "[::1]:1", false},
        {"::1", "[::1]:1", true},
        {"::1", "[::2]:1", false},
        {"2001:db8::/32", "[2001:db8:ffff::1]:1", true},
        {"2001:db8::/32", "[2001:db9::1]:1", false},
        {"::/1", "[::1]:1", true},
        {"::/1", "127.0.0.1:1", false},
        {"::/1", "[::ffff:127.0.0.1]:1", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockets_address address = {.len = 0};
        struct prefix prefix;
        struct err err;

        assert_int_equal(prefix_parse(rows[i].prefix, &prefix, &err), 0);
        assert_int_equal(sockets_parse(rows[i].address, &address, &err), 0);
        assert_int_equal(prefix_holds(&prefix, &address), rows[i].holds);
    }
}

static void no_network_holds_what_is_no_ip_address(void **state)
{
    struct sockets_address nothing = {.len = 0};
    struct sockets_address local = {.u = {.any = {.sa_family = AF_UNIX}}, .len = 2};
    struct prefix prefix;
    struct err err;

    assert_int_equal(prefix_parse("0.0.0.0/1", &prefix, &err), 0);
    assert_false(prefix_holds(&prefix, &nothing));
    assert_false(prefix_holds(&prefix, &local));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "10",
        "10.1.2",
        "10.1.2.3/",
        "10.1.2.3/0",
        "0.0.0.0/0",
        "10.1.2.3/33",
        "10.1.2.3/24",
        "10.0.0.1/8",
        "10.0.0.0/08",
        "10.0.0.0/8x",
        "10.0.0.0/+8",
        "::/0",
        "::1/129",
        "::1/127",
        "host/8",
        "[::1]",
        "::1%lo",
        "::ffff:10.0.0.0/104",
        "10.0.0.0/8/8",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct prefix prefix;
        struct prefix before;
        struct err err = {0};

        memset(&prefix, 0x5a, sizeof(prefix));
        before = prefix;
        assert_int_equal(prefix_parse(rows[i], &prefix, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_memory_equal(&prefix, &before, sizeof(prefix));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_holds_what_has_its_first_bits),
        cmocka_unit_test(no_network_holds_what_is_no_ip_address),
        cmocka_unit_test(what_is_no_network_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
