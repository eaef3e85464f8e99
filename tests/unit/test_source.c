/*
 * Source: which addresses are one.
 */
#include "common/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"

static struct source at(const char *text)
{
    struct sockets_address address;
    struct err err;

    assert_int_equal(sockets_parse(text, &address, &err), 0);
    return source_of(&address);
}

static void an_address_counts_as_what_one_machine_may_have(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"10.0.0.1:1", "10.0.0.1:2", true},
        {"10.0.0.1:1", "10.0.0.2:1", false},
        {"10.0.0.1:1", "[::ffff:10.0.0.1]:1", true},
        {"[2001:db8::1]:1", "[2001:db8::ffff:ffff:ffff:ffff]:1", true},
        {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
        {"[::1]:1", "unix:/run/a.sock", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct source a = at(rows[i].a);
        const struct source b = at(rows[i].b);

        assert_int_equal(memcmp(&a, &b, sizeof(a)) == 0, rows[i].same);
    }
}

static void only_four_bytes_are_an_old_address(void **state)
{
    static const struct {
        const char *text;
        bool v4;
    } rows[] = {
        {"10.0.0.1:1", true},       {"[::ffff:10.0.0.1]:1", true}, {"[::1]:1", false},
        {"[2001:db8::1]:1", false}, {"unix:/run/a.sock", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct source source = at(rows[i].text);

        assert_int_equal(source_is_v4(&source), rows[i].v4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_counts_as_what_one_machine_may_have),
        cmocka_unit_test(only_four_bytes_are_an_old_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
