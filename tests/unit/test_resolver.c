/*
 * Resolver: names are looked up for each connect, several addresses are tried, and a name that
 * nobody answers for holds up its own connections only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "common/err.h"
#include "common/sockets.h"
#include "proxy/resolver.h"
#include "tests/lib/names.h"
#include "tests/lib/rig.h"

#define NAME "app.test"
#define FIRST "127.0.0.1"
#define SECOND "127.0.0.2"
#define WAITERS 40
#define HEAD_START_MS 250 /* of IPv6 */
#define FILLERS 4

/* A socket that listens at `host`, on the port of the rig's target. */
static int listen_beside(const struct rig *rig, const char *host, int backlog)
{
    struct sockets_listen_options options = {.backlog = backlog};
    struct sockets_address address = {.len = 0};
    char text[64] = "";
    struct err err;

    (void)snprintf(text, sizeof(text), "%s:%u", host, (unsigned)sockets_port(&rig->behind));
    assert_int_equal(sockets_parse(text, &address, &err), 0);
    return sockets_listen(&address, &options, &err);
}

static int accept_from(int listener)
{
    struct sockets_address peer = {.len = 0};

    assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, RIG_WAIT_MS), 1);
    return sockets_accept(listener, &peer);
}

static void r31_a_change_of_address_is_followed_on_the_next_connect(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS, .host = NAME};
    int second = -1;
    int apps[2] = {-1, -1};
    int upstreams[2] = {-1, -1};
    struct rig rig;

    names_set(NAME, (const char *const[]){FIRST, NULL});
    rig_start(&rig, &options);
    second = listen_beside(&rig, SECOND, 8);
    assert_true(second >= 0);
    apps[0] = rig_connect(&rig);
    upstreams[0] = rig_accept(&rig);
    names_set(NAME, (const char *const[]){SECOND, NULL});
    apps[1] = rig_connect(&rig);
    upstreams[1] = accept_from(second);
    assert_true(rig_untouched(&rig));
    for (unsigned i = 0; i < 2; i++) {
        close(apps[i]);
        close(upstreams[i]);
    }
    close(second);
    rig_stop(&rig);
}

static void r31_an_address_that_refuses_is_followed_by_the_next(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS, .host = NAME};
    int app = -1;
    int upstream = -1;
    struct rig rig;

    names_set(NAME, (const char *const[]){"127.0.0.3", SECOND, FIRST, NULL});
    rig_start(&rig, &options);
    app = rig_connect(&rig);
    upstream = rig_accept(&rig);
    close(app);
    close(upstream);
    rig_stop(&rig);
}

/* IPv6 with a full queue, which answers nothing: IPv4 gets its turn after the head start. */
static void r31_a_dead_ipv6_address_costs_its_head_start(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS, .host = NAME};
    struct sockets_address address = {.len = 0};
    int fillers[FILLERS] = {-1, -1, -1, -1};
    uint64_t begun = 0;
    int upstream = -1;
    int dead = -1;
    int app = -1;
    struct rig rig;
    struct err err;

    names_set(NAME, (const char *const[]){"::1", FIRST, NULL});
    rig_start(&rig, &options);
    dead = listen_beside(&rig, "[::1]", 0);
    if (dead < 0) {
        rig_stop(&rig);
        skip(); /* no IPv6 here */
    }
    assert_int_equal(sockets_bound(dead, &address, &err), 0);
    for (unsigned i = 0; i < FILLERS; i++) {
        fillers[i] = sockets_connect(&address);
    }
    assert_int_equal(poll(&(struct pollfd){.fd = fillers[0], .events = POLLOUT}, 1, RIG_WAIT_MS),
                     1);
    begun = uv_hrtime();
    app = rig_connect(&rig);
    upstream = rig_accept(&rig);
    assert_in_range((uv_hrtime() - begun) / 1000000, HEAD_START_MS - 10, 5 * HEAD_START_MS);
    for (unsigned i = 0; i < FILLERS; i++) {
        close(fillers[i]);
    }
    close(dead);
    close(app);
    close(upstream);
    rig_stop(&rig);
}

struct waiting {
    struct resolver_waiter waiter; /* first: it is cast back */
    unsigned calls;
    size_t num_addresses;
};

static void on_done(struct resolver_waiter *waiter, const struct resolver_answer *answer)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;

    waiting->calls++;
    waiting->num_addresses = answer->num_addresses;
}

static void r31_a_stalled_name_delays_only_those_who_want_it(void **state)
{
    struct waiting stalled[WAITERS] = {{.calls = 0}};
    struct waiting other = {.waiter.on_done = on_done};
    struct resolver *resolver = NULL;
    uv_loop_t loop;

    assert_int_equal(uv_loop_init(&loop), 0);
    names_set("stalled.test", (const char *const[]){FIRST, NULL});
    names_set("other.test", (const char *const[]){FIRST, SECOND, NULL});
    names_stall("stalled.test", true);
    resolver = resolver_new(&loop, 2, 2);
    assert_non_null(resolver);
    resolver_set(resolver, 0, "stalled.test", 1);
    resolver_set(resolver, 1, "other.test", 2);
    for (unsigned i = 0; i < WAITERS; i++) { /* far more than there are threads */
        stalled[i].waiter.on_done = on_done;
        resolver_ask(resolver, 0, &stalled[i].waiter);
    }
    resolver_ask(resolver, 1, &other.waiter);
    while (other.calls == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(other.num_addresses, 2);
    assert_int_equal(stalled[0].calls, 0);
    names_stall("stalled.test", false);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < WAITERS; i++) {
        assert_int_equal(stalled[i].calls, 1);
        assert_int_equal(stalled[i].num_addresses, 1);
    }
    assert_int_equal(names_asked("stalled.test"), 1);
    resolver_free(resolver);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r31_a_change_of_address_is_followed_on_the_next_connect),
        cmocka_unit_test(r31_an_address_that_refuses_is_followed_by_the_next),
        cmocka_unit_test(r31_a_dead_ipv6_address_costs_its_head_start),
        cmocka_unit_test(r31_a_stalled_name_delays_only_those_who_want_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
