/*
 * Admit: an egress that serves the users it lists, and only what was redirected to it if it stands
 * in for others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/lib/rig.h"

static struct rig_options for_users(uint32_t first, uint32_t second)
{
    return (struct rig_options){
        .shape = RIG_EGRESS,
        .callers = {.uids = {first, second}, .num_uids = 2},
    };
}

static void r33_a_listed_user_is_served(void **state)
{
    struct rig_options options = for_users(geteuid() + 1, geteuid());
    struct rig_pair pair;
    struct rig rig;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    rig_put(pair.app, "hello");
    rig_tls_expect(pair.peer, "hello");
    rig_pair_close(&pair);
    rig_stop(&rig);
}

static void r33_any_other_user_is_reset_and_nothing_is_dialled(void **state)
{
    struct rig_options options = for_users(geteuid() + 1, geteuid() + 2);
    struct rig rig;
    int fd = -1;

    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_CALLER_DENIED);
    assert_true(rig_untouched(&rig));
    close(fd);
    rig_stop(&rig);
}

/* Its user would be root's, if it were asked for no more than that.  The listener is full until the
   caller has gone. */
static void r33_a_caller_that_has_vanished_is_refused(void **state)
{
    struct rig_options options = for_users(geteuid(), 0);
    struct rig_pair pair;
    struct rig rig;
    int fd = -1;

    options.connections_max_on_listener = 1;
    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    fd = rig_connect(&rig);
    rig_put(fd, "a forged order");
    close(fd);
    rig_pair_close(&pair);
    rig_await_closed(&rig.counters, REASON_CALLER_DENIED);
    assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_OUT), 0);
    assert_true(rig_untouched(&rig));
    rig_stop(&rig);
}

static void r34_what_was_not_redirected_is_a_loop(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS, .redirection = {.num_originals = 1}};
    struct rig rig;
    struct err err;
    int fd = -1;

    assert_int_equal(sockets_parse("192.0.2.1:5432", &options.redirection.originals[0], &err), 0);
    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_LOOP_REFUSED);
    assert_true(rig_untouched(&rig));
    close(fd);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r33_a_listed_user_is_served),
        cmocka_unit_test(r33_any_other_user_is_reset_and_nothing_is_dialled),
        cmocka_unit_test(r33_a_caller_that_has_vanished_is_refused),
        cmocka_unit_test(r34_what_was_not_redirected_is_a_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
