/*
 * Redirection: which destinations a route stands in for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"
#include "proxy/redirection.h"

static struct sockets_address address_of(const char *text)
{
    struct sockets_address address = {.len = 0};
    struct err err;

    assert_int_equal(sockets_parse(text, &address, &err), 0);
    return address;
}

static void r34_a_route_stands_in_for_what_it_lists(void **state)
{
    struct redirection redirection = {
        .originals = {address_of("192.0.2.1:5432"), address_of("[2001:db8::1]:5432")},
        .num_originals = 2,
    };
    static const struct {
        const char *original;
        bool holds;
    } rows[] = {
        {"192.0.2.1:5432", true},           {"192.0.2.1:5433", false},
        {"192.0.2.2:5432", false},          {"[2001:db8::1]:5432", true},
        {"[2001:db8::1]:1", false},         {"[2001:db8::2]:5432", false},
        {"[::ffff:192.0.2.1]:5432", false}, {"unix:/run/app", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockets_address original = address_of(rows[i].original);

        assert_int_equal(redirection_holds(&redirection, &original), rows[i].holds);
    }
    redirection.num_originals = 0;
    assert_false(redirection_holds(&redirection, &redirection.originals[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r34_a_route_stands_in_for_what_it_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
