/*
 * Tests of sources: what counts as one source, and that places come back.
 */
#include "proxy/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"

#define MANY 300

static struct sockets_address address_of(const char *text)
{
    struct sockets_address address;
    struct err err;

    assert_int_equal(sockets_parse(text, &address, &err), 0);
    return address;
}

static void an_address_or_a_v6_network_is_one_source(void **state)
{
    static const struct {
        const char *first;
        const char *second;
        bool is_same;
    } rows[] = {
        {"192.0.2.1:1", "192.0.2.1:2", true},
        {"192.0.2.1:1", "192.0.2.2:1", false},
        {"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false},
        {"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff:ffff:ffff:ffff]:9", true},
        {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
        {"[c000:201::]:1", "192.0.2.1:1", false}, /* the same bytes */
        {"[::1]:1", "127.0.0.1:1", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sources *sources = sources_new(1);
        struct sockets_address first = address_of(rows[i].first);
        struct sockets_address second = address_of(rows[i].second);

        assert_non_null(sources);
        assert_true(sources_enter(sources, &first));
        assert_false(sources_enter(sources, &first));
        assert_int_equal(sources_enter(sources, &second), !rows[i].is_same);
        sources_leave(sources, &first);
        if (rows[i].is_same) {
            assert_true(sources_enter(sources, &second));
        }
        sources_leave(sources, &second);
        sources_free(sources);
    }
}

static void what_has_no_address_has_no_limit(void **state)
{
    static const char *const texts[] = {"unix:/run/app.sock", "vsock:3:8443"};
    struct sources *sources = sources_new(1);

    for (size_t i = 0; i < 4; i++) {
        struct sockets_address address = address_of(texts[i % 2]);

        assert_true(sources_enter(sources, &address));
    }
    for (size_t i = 0; i < 4; i++) {
        struct sockets_address address = address_of(texts[i % 2]);

        sources_leave(sources, &address);
    }
    sources_free(sources);
}

static void many_sources_each_have_their_places(void **state)
{
    struct sources *sources = sources_new(2);
    struct sockets_address address = address_of("192.0.2.1:1");

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            address.u.v4.sin_addr.s_addr = i;
            assert_int_equal(sources_enter(sources, &address), round < 2);
        }
    }
    for (unsigned i = 0; i < 2 * MANY; i++) {
        address.u.v4.sin_addr.s_addr = i % MANY;
        sources_leave(sources, &address);
    }
    sources_free(sources); /* and checks that it is empty */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_or_a_v6_network_is_one_source),
        cmocka_unit_test(what_has_no_address_has_no_limit),
        cmocka_unit_test(many_sources_each_have_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
