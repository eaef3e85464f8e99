/*
 * Kds_turn: networks take turns, however many attempts come from one of them.
 */
#include "ca/kds_turn.h"

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

/* Who was served is named first; of the two others, the second goes before the first. */
static void the_widest_part_of_the_network_decides(void **state)
{
    static const char *const rows[][3] = {
        {"10.0.0.1:1", "10.9.9.9:1", "11.0.0.1:1"},
        {"10.0.0.1:1", "10.0.9.9:1", "10.1.0.1:1"},
        {"10.0.0.1:1", "10.0.0.9:1", "10.0.1.1:1"},
        {"10.0.0.1:1", "10.0.0.1:9", "10.0.0.2:1"},
        {"[2001:db8::]:1", "[2001:db8:9::]:1", "[2001:db9::]:1"},
        {"[2001:db8::]:1", "[2001:db8:0:900::]:1", "[2001:db8:1::]:1"},
        {"[2001:db8::]:1", "[2001:db8:0:9::]:1", "[2001:db8:0:100::]:1"},
        {"[2001:db8::]:1", "[2001:db8::9]:1", "[2001:db8:0:1::]:1"},
        {"10.0.0.1:1", "10.9.9.9:1", "[::]:1"},
        {"[::]:1", "[::9]:1", "10.0.0.1:1"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kds_turn turn = {.salt = i};
        const struct source served = at(rows[i][0]);
        const struct source both[] = {at(rows[i][1]), at(rows[i][2])};

        kds_turn_serve(&turn, &served, i);
        assert_int_equal(kds_turn_next(&turn, both, 2), 1);
        assert_int_equal(kds_turn_last(&turn, both, 2), 0);
    }
}

static void of_one_network_the_first_goes_first_and_the_last_last(void **state)
{
    struct kds_turn turn = {.salt = 1};
    const struct source same[] = {at("10.0.0.1:1"), at("10.0.0.1:2"), at("10.0.0.1:3")};
    const struct source mixed[] = {same[0], same[1], at("10.0.0.2:1")};

    assert_int_equal(kds_turn_next(&turn, same, 3), 0);
    assert_int_equal(kds_turn_last(&turn, same, 3), 2);
    assert_int_equal(kds_turn_last(&turn, mixed, 3), 1);
}

/* Between networks that are new, the lot falls anew after each request and on all alike. */
static void the_lot_is_fair(void **state)
{
    const struct source both[] = {at("10.0.0.1:1"), at("11.0.0.1:1")};
    size_t num_second = 0;

    for (uint64_t salt = 0; salt < 1000; salt++) {
        struct kds_turn turn = {.salt = salt * UINT64_C(0x123456789abcdef)};

        num_second += kds_turn_next(&turn, both, 2);
    }
    assert_in_range(num_second, 400, 600);
}

/* Else whoever has found an address that draws well would keep it. */
static void the_lot_falls_anew_after_each_request(void **state)
{
    static struct kds_turn turn;
    const struct source both[] = {at("10.0.0.1:1"), at("11.0.0.1:1")};
    const struct source other = at("12.0.0.1:1");
    size_t num_second = 0;

    for (uint64_t i = 0; i < 1000; i++) {
        kds_turn_serve(&turn, &other, i * UINT64_C(0x123456789abcdef));
        num_second += kds_turn_next(&turn, both, 2);
    }
    assert_in_range(num_second, 400, 600);
}

/* However long one network had the service for itself, it owes nothing for it. */
static void turns_are_not_paid_for_afterwards(void **state)
{
    static struct kds_turn turn;
    const struct source both[] = {at("10.0.0.1:1"), at("11.0.0.1:1")};

    for (unsigned i = 0; i < 3 * KDS_TURN_MEMORY; i++) {
        kds_turn_serve(&turn, &both[0], i);
    }
    for (unsigned i = 0; i < 6; i++) {
        size_t next = kds_turn_next(&turn, both, 2);

        assert_int_equal(next, i % 2 == 0 ? 1 : 0);
        kds_turn_serve(&turn, &both[next], i);
    }
}

static void a_newcomer_waits_for_each_other_network_once_at_most(void **state)
{
    static struct kds_turn turn;
    struct source sources[101];

    for (uint8_t i = 0; i < 100; i++) {
        sources[i] = (struct source){{[10] = 0xff, 0xff, i, 0, 0, 1}};
        kds_turn_serve(&turn, &sources[i], i);
    }
    sources[100] = at("200.0.0.1:1");
    assert_int_equal(kds_turn_next(&turn, sources, 101), 100);
    kds_turn_serve(&turn, &sources[100], 7);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(kds_turn_next(&turn, sources, 101), i);
        kds_turn_serve(&turn, &sources[i], i);
    }
    assert_int_equal(kds_turn_next(&turn, sources, 101), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_widest_part_of_the_network_decides),
        cmocka_unit_test(of_one_network_the_first_goes_first_and_the_last_last),
        cmocka_unit_test(the_lot_is_fair),
        cmocka_unit_test(the_lot_falls_anew_after_each_request),
        cmocka_unit_test(turns_are_not_paid_for_afterwards),
        cmocka_unit_test(a_newcomer_waits_for_each_other_network_once_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
