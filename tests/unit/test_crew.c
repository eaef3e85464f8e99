/*
 * Tests of crew: several workers behave as one: addresses, limits, generations, drain, sums.
 */
#include "proxy/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "tests/lib/far_end.h"
#include "tests/lib/generation_double.h"
#include "tests/lib/names.h"

#define WAIT_MS 20000
#define WORKERS 4
#define TRIES 64 /* connections that, spread by the kernel, reach every worker */

/* An ingress and an egress that both lead to `target`; nobody there says TLS. */
struct fixture {
    struct pki pki;
    struct generation *generation;
    int target;
    struct worker_route routes[2];
    struct crew_options options;
    struct crew *crew;
};

static struct sockets_address loopback(void)
{
    struct sockets_address address;
    struct err err;

    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    return address;
}

static struct generation *make_generation(const struct fixture *fixture, uint64_t number)
{
    const struct generation_double_options options = {.pki = &fixture->pki,
                                                      .uri = "spiffe://test/sidecar",
                                                      .expected = "spiffe://test/sidecar",
                                                      .seconds = 3600};

    return generation_double_new(number, &options);
}

static void start(struct fixture *fixture, size_t connections_max, size_t on_each)
{
    const struct sockets_listen_options listen_options = {.backlog = 256};
    struct sockets_address any = loopback();
    struct sockets_address behind;
    struct crew_options options = {
        .num_workers = WORKERS,
        .connections_max = connections_max,
        .connections_max_on_each = on_each,
        .connections_max_from_each = 1000,
        .worker = {.routes = fixture->routes,
                   .num_routes = 2,
                   .limits = {.handshakes_max = 1000,
                              .buffer_memory = 1U << 20,
                              .drain_timeout_ms = WAIT_MS}},
    };
    struct err err;

    log_setup(LOG_ERROR, LOG_TEXT);
    *fixture = (struct fixture){.target = sockets_listen(&any, &listen_options, &err)};
    assert_true(fixture->target >= 0);
    assert_int_equal(sockets_bound(fixture->target, &behind, &err), 0);
    pki_init(&fixture->pki);
    fixture->generation = make_generation(fixture, 1);
    for (unsigned i = 0; i < 2; i++) {
        fixture->routes[i] = (struct worker_route){
            .conn = {.name = i == 0 ? "in" : "out",
                     .egress = i == 1,
                     .host = "127.0.0.1",
                     .port = sockets_port(&behind),
                     .limits = {.handshake_ms = WAIT_MS,
                                .connect_ms = WAIT_MS,
                                .idle_ms = WAIT_MS,
                                .half_close_ms = WAIT_MS,
                                .write_stall_ms = WAIT_MS,
                                .linger_ms = WAIT_MS,
                                .ready_wait_ms = WAIT_MS,
                                .key_updates_max = 100}},
            .listen = any,
        };
    }
    options.worker.generation = fixture->generation;
    fixture->options = options;
    fixture->crew = crew_start(&options, &err);
    assert_non_null(fixture->crew);
}

static void stop(struct fixture *fixture)
{
    assert_true(crew_stop(fixture->crew));
    generation_unref(fixture->generation);
    pki_deinit(&fixture->pki);
    close(fixture->target);
}

static uint64_t sum(const struct fixture *fixture, enum counter counter)
{
    struct counters counters;

    crew_count(fixture->crew, &counters);
    return counter_get(&counters, counter);
}

static void await_sum(const struct fixture *fixture, enum counter counter, uint64_t value)
{
    uint64_t now = sum(fixture, counter);

    for (unsigned i = 0; i < WAIT_MS && now != value; i++) {
        (void)poll(NULL, 0, 1);
        now = sum(fixture, counter); /* once: it may change again */
    }
    assert_int_equal(now, value);
}

/* Connects; an ingress listener hears of nobody who says nothing. */
static int say_hello(const struct fixture *fixture, size_t route)
{
    struct sockets_address address = crew_address(fixture->crew, route);
    int fd = sockets_connect(&address);

    assert_true(fd >= 0);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, WAIT_MS), 1);
    assert_int_equal(sockets_error(fd), 0);
    assert_int_equal(write(fd, "\x16", 1), 1); /* a record begins */
    return fd;
}

static bool is_refused(const struct fixture *fixture, size_t route)
{
    struct sockets_address address = crew_address(fixture->crew, route);
    int fd = sockets_connect(&address);
    int error = errno;

    if (fd >= 0) {
        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, WAIT_MS), 1);
        error = sockets_error(fd);
        sockets_reset(fd);
    }
    return error == ECONNREFUSED;
}

static void await_refusal(const struct fixture *fixture, size_t route)
{
    for (unsigned i = 0; i < WAIT_MS && !is_refused(fixture, route); i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_true(is_refused(fixture, route));
}

static void all_share_an_address_and_each_gets_connections(void **state)
{
    struct fixture fixture;
    struct sockets_address address;
    int fds[TRIES];

    start(&fixture, 1000, 0);
    assert_int_equal(crew_workers(fixture.crew), WORKERS);
    assert_true(crew_is_alive(fixture.crew, WAIT_MS));
    address = crew_address(fixture.crew, 0);
    assert_int_not_equal(sockets_port(&address), 0);
    for (unsigned i = 0; i < TRIES; i++) {
        fds[i] = say_hello(&fixture, 0);
    }
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, TRIES);
    for (unsigned i = 0; i < TRIES; i++) {
        close(fds[i]);
    }
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    stop(&fixture);
}

static void limits_hold_for_the_sum_and_places_are_found_again(void **state)
{
    static const size_t limits[][3] = {{16, 0, 14}, {1000, 5, 5}}; /* of all, of each, expected */

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct fixture fixture;
        int fds[TRIES];
        int out = -1;

        start(&fixture, limits[i][0], limits[i][1]);
        for (unsigned k = 0; k < TRIES; k++) {
            fds[k] = say_hello(&fixture, 0);
        }
        await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, limits[i][2]);
        for (unsigned k = 0; k < WAIT_MS && sum(&fixture, COUNTER_SHED_CONNECTIONS) == 0; k++) {
            (void)poll(NULL, 0, 1); /* the next one is accepted when the last has its place */
        }
        assert_true(sum(&fixture, COUNTER_SHED_CONNECTIONS) > 0);
        out = say_hello(&fixture, 1); /* the other direction has places of its own */
        await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_EGRESS, 1);
        assert_int_equal(sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS), limits[i][2]);
        for (unsigned k = 0; k < TRIES; k++) { /* who waited gets the places, in any worker */
            sockets_reset(fds[k]);
        }
        await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
        await_sum(&fixture, COUNTER_ACCEPT_PAUSED, 0);
        close(out);
        stop(&fixture);
    }
}

static void a_generation_is_taken_when_the_last_has_it(void **state)
{
    struct fixture fixture;
    struct generation *next = NULL;

    start(&fixture, 1000, 0);
    assert_int_equal(crew_generation(fixture.crew), 1);
    next = make_generation(&fixture, 7);
    crew_set_generation(fixture.crew, next);
    generation_unref(next);
    for (unsigned i = 0; i < WAIT_MS && crew_generation(fixture.crew) != 7; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(crew_generation(fixture.crew), 7);
    stop(&fixture);
}

static void r40_egress_accepts_until_no_worker_has_ingress(void **state)
{
    struct fixture fixture;
    int in = -1;

    start(&fixture, 1000, 0);
    in = say_hello(&fixture, 0);
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 1);
    crew_drain(fixture.crew);
    await_refusal(&fixture, 0);
    for (unsigned i = 1; i <= 8; i++) { /* whichever worker gets them */
        sockets_reset(say_hello(&fixture, 1));
        await_sum(&fixture, COUNTER_ACCEPTED_EGRESS, i);
    }
    assert_int_equal(crew_state(fixture.crew), WORKER_DRAINING);
    close(in);
    await_refusal(&fixture, 1);
    for (unsigned i = 0; i < WAIT_MS && crew_state(fixture.crew) != WORKER_DRAINED; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(crew_state(fixture.crew), WORKER_DRAINED);
    stop(&fixture);
}

static void await_generation(const struct fixture *fixture, uint64_t number)
{
    for (unsigned i = 0; i < WAIT_MS && crew_generation(fixture->crew) != number; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(crew_generation(fixture->crew), number);
    crew_clean_up(fixture->crew);
}

/* Reloads with the fixture's options. */
static void change(struct fixture *fixture, uint64_t number)
{
    struct generation *next = make_generation(fixture, number);
    struct err err;
    struct crew_change *prepared = crew_prepare(fixture->crew, &fixture->options, &err);

    assert_non_null(prepared);
    crew_commit(fixture->crew, prepared, next);
    generation_unref(next);
    await_generation(fixture, number);
}

static void r39_a_changed_route_goes_on_at_its_address_in_all_workers(void **state)
{
    struct fixture fixture;
    struct sockets_address address;
    struct sockets_address next;
    int fds[TRIES];

    start(&fixture, 1000, 0);
    address = crew_address(fixture.crew, 0);
    for (unsigned i = 0; i < TRIES; i++) {
        if (i % 4 == 3) { /* another version of the route */
            fixture.routes[0].settings_digest[0] = (uint8_t)i;
            change(&fixture, 2 + i);
            next = crew_address(fixture.crew, 0);
            assert_int_equal(sockets_port(&address), sockets_port(&next));
        }
        fds[i] = say_hello(&fixture, 0);
    }
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, TRIES); /* all versions have some */
    for (unsigned i = 0; i < TRIES; i++) {
        close(fds[i]);
    }
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    for (unsigned i = 0; i < 2 * BERTHS_MAX; i++) { /* places are used again */
        fixture.routes[0].settings_digest[1] = (uint8_t)(i + 1);
        change(&fixture, 1000 + i);
    }
    assert_int_equal(sum(&fixture, COUNTER_ACCEPT_PAUSED), 0);
    stop(&fixture);
}

static void r39_a_changed_route_bounds_unacknowledged_data_anew(void **state)
{
    struct fixture fixture;
    int timeout = 0;
    socklen_t len = sizeof(timeout);
    int fd = -1;

    start(&fixture, 1000, 0);
    fixture.routes[0].conn.limits.write_stall_ms = 4321;
    fixture.routes[0].settings_digest[0] = 1;
    change(&fixture, 2);
    fd = say_hello(&fixture, 0);
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 1);
    assert_int_equal(getsockopt(far_end(fd), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, &len), 0);
    assert_int_equal(timeout, 4321);
    close(fd);
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    stop(&fixture);
}

static void r35_a_changed_route_has_the_limit_of_its_listener(void **state)
{
    struct fixture fixture;
    int fds[5];
    int waiting = -1;

    start(&fixture, 1000, 5);
    for (unsigned i = 0; i < 5; i++) {
        fds[i] = say_hello(&fixture, 0);
        await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, i + 1);
    }
    fixture.routes[0].settings_digest[0] = 1;
    change(&fixture, 2);
    waiting = say_hello(&fixture, 0);
    for (unsigned i = 0; i < WAIT_MS && sum(&fixture, COUNTER_SHED_CONNECTIONS) == 0; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(sum(&fixture, COUNTER_ACCEPTED_INGRESS), 5);
    close(fds[0]); /* of the route as it was */
    await_sum(&fixture, COUNTER_ACCEPTED_INGRESS, 6);
    for (unsigned i = 1; i < 5; i++) {
        close(fds[i]);
    }
    close(waiting);
    await_sum(&fixture, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    stop(&fixture);
}

static void r39_what_cannot_be_prepared_leaves_everything_as_it_was(void **state)
{
    struct fixture fixture;
    struct crew_options options;
    struct worker_route more[3];
    struct err err;

    start(&fixture, 1000, 0);
    options = fixture.options;
    options.worker.routes = more;
    options.worker.num_routes = 3;
    for (unsigned i = 0; i < 3; i++) {
        more[i] = fixture.routes[i == 2 ? 1 : 0];
        more[i].conn.name = i == 0 ? "new" : i == 1 ? "taken" : "out";
        more[i].door_digest[0] = (uint8_t)i;
    }
    assert_int_equal(sockets_bound(fixture.target, &more[1].listen, &err), 0);
    assert_null(crew_prepare(fixture.crew, &options, &err));
    assert_non_null(strstr(err.msg, "ingress taken"));
    close(say_hello(&fixture, 0));
    close(say_hello(&fixture, 1));
    await_sum(&fixture, COUNTER_ACCEPTED_INGRESS, 1);
    await_sum(&fixture, COUNTER_ACCEPTED_EGRESS, 1);
    stop(&fixture);
}

static void r39_a_route_that_is_gone_is_no_longer_served(void **state)
{
    struct fixture fixture;
    struct sockets_address address;
    int error = 0;
    int fd = -1;

    start(&fixture, 1000, 0);
    address = crew_address(fixture.crew, 0);
    fixture.options.worker.routes = &fixture.routes[1];
    fixture.options.worker.num_routes = 1;
    change(&fixture, 2);
    fd = sockets_connect(&address);
    error = errno;
    if (fd >= 0) {
        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, WAIT_MS), 1);
        error = sockets_error(fd);
        close(fd);
    }
    assert_int_equal(error, ECONNREFUSED);
    assert_int_equal(crew_route_of(fixture.crew, 0), BERTH_NONE);
    close(say_hello(&fixture, 0)); /* the egress is the first one now */
    await_sum(&fixture, COUNTER_ACCEPTED_EGRESS, 1);
    stop(&fixture);
}

static void r40_the_end_does_not_wait_for_look_ups_of_names(void **state)
{
    static const char *const nowhere[] = {NULL};
    struct fixture fixture;
    int fd = -1;

    names_set("stalled.test", nowhere);
    names_stall("stalled.test", true);
    start(&fixture, 1000, 0);
    fixture.routes[1].conn.host = "stalled.test";
    fixture.routes[1].settings_digest[0] = 1;
    change(&fixture, 2);
    fd = say_hello(&fixture, 1);
    for (unsigned i = 0; i < WAIT_MS && names_asked("stalled.test") == 0; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_false(crew_stop(fixture.crew));
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLHUP}, 1, WAIT_MS), 1);
    assert_false(crew_stop(fixture.crew));
    names_stall("stalled.test", false);
    for (unsigned i = 0; i < WAIT_MS && !crew_stop(fixture.crew); i++) {
        (void)poll(NULL, 0, 1);
    }
    fixture.crew = NULL;
    close(fd);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_share_an_address_and_each_gets_connections),
        cmocka_unit_test(limits_hold_for_the_sum_and_places_are_found_again),
        cmocka_unit_test(a_generation_is_taken_when_the_last_has_it),
        cmocka_unit_test(r39_a_changed_route_goes_on_at_its_address_in_all_workers),
        cmocka_unit_test(r39_a_changed_route_bounds_unacknowledged_data_anew),
        cmocka_unit_test(r35_a_changed_route_has_the_limit_of_its_listener),
        cmocka_unit_test(r39_what_cannot_be_prepared_leaves_everything_as_it_was),
        cmocka_unit_test(r39_a_route_that_is_gone_is_no_longer_served),
        cmocka_unit_test(r40_egress_accepts_until_no_worker_has_ingress),
        cmocka_unit_test(r40_the_end_does_not_wait_for_look_ups_of_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
