/*
 * Tests of census: each limit alone, what one direction leaves to the other, and when ingress is
 * over.
 */
#include "proxy/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t fill(struct census *census, bool egress, size_t route)
{
    size_t num = 0;

    while (num < 1000 && census_enter(census, egress, route)) {
        num++;
    }
    assert_true(census_full(census, egress, route));
    return num;
}

static void each_limit_holds_alone(void **state)
{
    static const struct {
        size_t connections_max;
        bool both;
        size_t route_max;
        size_t expected; /* connections of one route */
    } rows[] = {
        {16, false, 0, 16}, {16, false, 3, 3}, {16, true, 0, 14}, {16, true, 15, 14},
        {1, true, 0, 1},    {7, true, 0, 7},   {8, true, 0, 7},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned egress = 0; egress < 2; egress++) {
            struct census census = {0};

            census_set_limits(&census, rows[i].connections_max, rows[i].route_max, rows[i].both);
            assert_int_equal(fill(&census, egress == 1, 5), rows[i].expected);
            assert_int_equal(census_conns(&census), rows[i].expected);
            census_leave(&census, egress == 1, 5);
            assert_false(census_full(&census, egress == 1, 5));
            assert_int_equal(fill(&census, egress == 1, 5), 1);
        }
    }
}

static void neither_direction_takes_the_place_of_the_other(void **state)
{
    for (unsigned greedy = 0; greedy < 2; greedy++) {
        struct census census = {0};

        census_set_limits(&census, 80, 0, true);
        assert_int_equal(fill(&census, greedy == 1, greedy), 70);
        assert_int_equal(fill(&census, greedy == 0, 1 - greedy), 10);
        assert_int_equal(census_conns(&census), 80);
    }
}

static void a_refusal_takes_no_place(void **state)
{
    struct census census = {0};

    census_set_limits(&census, 16, 13, true);
    assert_int_equal(fill(&census, false, 0), 13);
    assert_int_equal(fill(&census, false, 1), 1);
    assert_false(census_enter(&census, false, 0));
    assert_int_equal(fill(&census, true, 2), 2);
    assert_int_equal(census_conns(&census), 16);
    assert_false(census_enter(&census, true, 2));
    assert_int_equal(census_conns(&census), 16);
}

static void routes_of_one_listener_have_one_limit(void **state)
{
    struct census census = {0};

    census_set_limits(&census, 100, 5, false);
    census_set_listener(&census, 7, 3); /* a route has changed and has another place */
    census_set_listener(&census, 8, 8);
    assert_true(census_enter(&census, false, 3));
    assert_true(census_enter(&census, false, 3));
    assert_int_equal(fill(&census, false, 7), 3);
    assert_true(census_full(&census, false, 3));
    assert_int_equal(fill(&census, false, 8), 5);
    assert_int_equal(census_conns_on(&census, 3), 2);
    assert_int_equal(census_conns_on(&census, 7), 3);
    census_leave(&census, false, 3);
    assert_int_equal(fill(&census, false, 7), 1);
    census_leave(&census, false, 3);
    census_set_listener(&census, 3, 4); /* it has no connection any more: another may have it */
    assert_int_equal(fill(&census, false, 3), 5);
    assert_int_equal(fill(&census, false, 7), 1);
}

static void ingress_is_over_when_no_listener_and_no_connection_is_left(void **state)
{
    struct census census = {0};

    census_set_limits(&census, 16, 0, true);
    census_open_entry(&census);
    census_open_entry(&census);
    assert_true(census_enter(&census, false, 0));
    assert_true(census_enter(&census, true, 1));
    census_close_entry(&census);
    assert_false(census_ingress_over(&census));
    census_close_entry(&census);
    assert_false(census_ingress_over(&census));
    census_leave(&census, false, 0);
    assert_true(census_ingress_over(&census));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_holds_alone),
        cmocka_unit_test(neither_direction_takes_the_place_of_the_other),
        cmocka_unit_test(a_refusal_takes_no_place),
        cmocka_unit_test(routes_of_one_listener_have_one_limit),
        cmocka_unit_test(ingress_is_over_when_no_listener_and_no_connection_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
