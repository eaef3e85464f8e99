/*
 * Notify: what a service manager hears, in which order, and when the watchdog starves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proxy/notify.h"

#define S(n) ((uint64_t)(n)*1000000)
#define NOON 1700000000

/* The next datagram, which is taken as sent. */
static const char *hear(struct notify *said, const struct notify_facts *facts, uint64_t watchdog_us)
{
    static char text[NOTIFY_CAP];
    struct notify next;
    size_t len = notify_next(said, facts, watchdog_us, text, &next);

    assert_int_equal(len, strlen(text));
    *said = next;
    return text;
}

static void r42_start_reload_and_stop_are_told_in_order(void **state)
{
    static const struct {
        struct notify_facts facts;
        const char *want;
    } rows[] = {
        {{NOTIFY_STARTING, S(100), 0, false, true},
         "STATUS=waiting for the first identity\nEXTEND_TIMEOUT_USEC=30000000"},
        {{NOTIFY_STARTING, S(109), 0, false, true}, ""},
        {{NOTIFY_STARTING, S(110), 0, false, true}, "EXTEND_TIMEOUT_USEC=30000000"},
        {{NOTIFY_READY, S(111), NOON, true, true},
         "READY=1\nSTATUS=identity until 2023-11-14T22:13:20Z"},
        {{NOTIFY_READY, S(222), NOON, true, true}, ""},
        {{NOTIFY_READY, S(223), NOON + 1, true, true},
         "STATUS=identity until 2023-11-14T22:13:21Z"},
        {{NOTIFY_RELOADING, 224000007, NOON + 1, true, true},
         "RELOADING=1\nMONOTONIC_USEC=224000007\nSTATUS=reloading"},
        {{NOTIFY_RELOADING, S(225), NOON + 1, true, true}, ""},
        {{NOTIFY_READY, S(226), NOON + 1, true, true},
         "READY=1\nSTATUS=identity until 2023-11-14T22:13:21Z"},
        {{NOTIFY_READY, S(227), NOON + 1, false, true},
         "STATUS=identity expired 2023-11-14T22:13:21Z"},
        {{NOTIFY_STOPPING, S(228), NOON + 1, false, true},
         "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=30000000"},
        {{NOTIFY_STOPPING, S(229), NOON + 1, false, true}, ""},
        {{NOTIFY_STOPPING, S(238), NOON + 1, false, true}, "EXTEND_TIMEOUT_USEC=30000000"},
    };
    struct notify said = {.phase = NOTIFY_NOTHING};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(hear(&said, &rows[i].facts, 0), rows[i].want);
    }
}

static void r42_a_watchdog_is_fed_only_while_all_workers_live(void **state)
{
    struct notify_facts facts = {NOTIFY_READY, S(100), NOON, true, true};
    struct notify said = {.phase = NOTIFY_NOTHING};

    assert_non_null(strstr(hear(&said, &facts, S(4)), "\nWATCHDOG=1"));
    facts.now_us = S(101);
    assert_string_equal(hear(&said, &facts, S(4)), "");
    facts.now_us = S(102);
    assert_string_equal(hear(&said, &facts, S(4)), "WATCHDOG=1");
    facts.workers_alive = false;
    facts.now_us = S(104);
    assert_string_equal(hear(&said, &facts, S(4)), "");
    facts.workers_alive = true;
    assert_string_equal(hear(&said, &facts, S(4)), "WATCHDOG=1");
}

static void what_could_not_be_sent_is_said_again(void **state)
{
    const struct notify_facts facts = {NOTIFY_READY, S(100), NOON, true, true};
    struct notify said = {.phase = NOTIFY_STARTING};
    struct notify next;
    char first[NOTIFY_CAP];
    char second[NOTIFY_CAP];

    assert_true(notify_next(&said, &facts, S(4), first, &next) > 0);
    assert_true(notify_next(&said, &facts, S(4), second, &next) > 0);
    assert_string_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r42_start_reload_and_stop_are_told_in_order),
        cmocka_unit_test(r42_a_watchdog_is_fed_only_while_all_workers_live),
        cmocka_unit_test(what_could_not_be_sent_is_said_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
