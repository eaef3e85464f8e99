/*
 * Tests of berths: who keeps a place, who gets another, whose socket goes on, and who judges.
 */
#include "proxy/berths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"

/* "name:settings:door", the direction being that of the first letter: i or e. */
static struct berth_route route_of(const char *text)
{
    struct berth_route route = {.egress = text[0] == 'e'};

    snprintf(route.name, sizeof(route.name), "%.2s", text);
    route.settings[0] = (uint8_t)text[3];
    route.door[0] = (uint8_t)text[5];
    return route;
}

static size_t routes_of(const char *const texts[], struct berth_route out[])
{
    size_t num = 0;

    for (; texts[num] != NULL; num++) {
        out[num] = route_of(texts[num]);
    }
    return num;
}

static void change(struct berths *berths, const char *const texts[], struct berth_plan *plan)
{
    struct berth_route routes[BERTHS_MAX];
    size_t num = routes_of(texts, routes);
    struct err err;

    assert_int_equal(berths_plan(berths, routes, num, plan, &err), 0);
    berths_commit(berths, routes, num, plan);
}

#define NONE BERTH_NONE

static void a_changed_route_gets_another_place_and_its_socket_goes_on(void **state)
{
    static const char *const before[] = {"i1:a:A", "i2:a:B", "e1:a:A", NULL};
    static const struct {
        const char *const after[4];
        size_t place_of[3]; /* of the wanted routes */
        size_t doors[3];    /* where their sockets are now */
        size_t route_of[3]; /* of the places of before */
    } rows[] = {
        {{"i1:a:A", "i2:a:B", "e1:a:A"}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}},
        {{"e1:a:A", "i2:a:B", "i1:a:A"}, {2, 1, 0}, {2, 1, 0}, {2, 1, 0}}, /* order is nothing */
        {{"i1:b:A", "i2:a:B", "e1:a:A"}, {3, 1, 2}, {0, 1, 2}, {0, 1, 2}},
        {{"i1:a:C", "i2:a:B", "e1:a:A"}, {3, 1, 2}, {NONE, 1, 2}, {0, 1, 2}},
        {{"i1:a:B", "i2:a:A", "e1:a:A"}, {3, 4, 2}, {1, 0, 2}, {0, 1, 2}}, /* they swap */
        {{"i3:a:A", "i2:a:B", "e1:a:A"}, {3, 1, 2}, {0, 1, 2}, {NONE, 1, 2}},
        {{"i2:a:B", "e1:b:B"}, {1, 3}, {1, NONE}, {NONE, 0, 1}}, /* not of the other direction */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct berths berths = {.states = {BERTH_EMPTY}};
        struct berth_plan plan;

        change(&berths, before, &plan);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(plan.place_of[k], k);
            assert_int_equal(plan.door_from[k], BERTH_NONE);
        }
        change(&berths, rows[i].after, &plan);
        for (size_t k = 0; k < 3 && rows[i].after[k] != NULL; k++) {
            size_t place = rows[i].place_of[k];

            assert_int_equal(plan.place_of[k], place);
            assert_int_equal(plan.door_from[place], rows[i].doors[k]);
            assert_int_equal(plan.route_of[place], k);
            assert_true(plan.accepts[place]);
            assert_int_equal(berths.states[place], BERTH_LIVE);
        }
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(plan.route_of[k], rows[i].route_of[k]);
            assert_int_equal(berths.states[k], plan.accepts[k] ? BERTH_LIVE : BERTH_RETIRED);
        }
    }
}

static void the_same_door_twice_is_two_doors(void **state)
{
    static const char *const before[] = {"i1:a:0", "i2:a:0",
                                         NULL}; /* ports that the kernel chose */
    static const char *const after[] = {"i2:b:0", "i1:b:0", "i3:a:0", NULL};
    struct berths berths = {.states = {BERTH_EMPTY}};
    struct berth_plan plan;

    change(&berths, before, &plan);
    change(&berths, after, &plan);
    assert_int_equal(plan.door_from[plan.place_of[0]], 1);
    assert_int_equal(plan.door_from[plan.place_of[1]], 0);
    assert_int_equal(plan.door_from[plan.place_of[2]], BERTH_NONE);
}

static void retired_places_are_not_given_away(void **state)
{
    const char *const versions[][2] = {{"i1:a:A", NULL}, {"i1:b:A", NULL}};
    struct berths berths = {.states = {BERTH_EMPTY}};
    struct berth_route route = route_of("i1:c:A");
    struct berth_plan plan;
    struct err err;

    for (size_t i = 0; i < BERTHS_MAX; i++) {
        change(&berths, versions[i % 2], &plan);
        assert_int_equal(plan.place_of[0], i);
    }
    assert_int_equal(berths_plan(&berths, &route, 1, &plan, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    berths.states[5] = BERTH_EMPTY;
    assert_int_equal(berths_plan(&berths, &route, 1, &plan, &err), 0);
    assert_int_equal(plan.place_of[0], 5);
    assert_int_equal(plan.route_of[6], 0); /* all versions are judged by the newest rules */
}

static void a_listener_keeps_its_number_wherever_its_socket_goes_on(void **state)
{
    static const char *const versions[][3] = {
        {"i1:a:A", "i2:a:B", NULL}, {"i1:b:A", "i2:a:B", NULL}, {"i1:b:C", "i3:a:A", NULL}};
    struct berths berths = {.states = {BERTH_EMPTY}};
    struct berth_plan plan;
    size_t place = 0;

    change(&berths, versions[0], &plan);
    assert_int_equal(plan.listener_of[0], 0);
    assert_int_equal(plan.listener_of[1], 1);
    change(&berths, versions[1], &plan);
    place = plan.place_of[0];
    assert_int_not_equal(place, 0);
    assert_int_equal(plan.listener_of[place], 0);
    assert_int_equal(plan.listener_of[1], 1);
    berths.states[0] = BERTH_EMPTY; /* which does not free its number */
    change(&berths, versions[2], &plan);
    assert_int_equal(plan.listener_of[plan.place_of[1]], 0);
    assert_int_equal(plan.listener_of[plan.place_of[0]], 2); /* retired places have 0 and 1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_route_gets_another_place_and_its_socket_goes_on),
        cmocka_unit_test(the_same_door_twice_is_two_doors),
        cmocka_unit_test(retired_places_are_not_given_away),
        cmocka_unit_test(a_listener_keeps_its_number_wherever_its_socket_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
