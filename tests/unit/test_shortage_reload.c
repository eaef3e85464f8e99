/*
 * Shortage_reload: a reload for which memory or a socket is not to be had changes nothing, whatever
 * it was that was missing, and leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/crew.h"
#include "tests/lib/generation_double.h"
#include "tests/lib/shortage.h"

#define WAIT_MS 20000
#define WORKERS 2
#define CALLS_MAX 1000 /* more of one kind than any reload makes */

struct fixture {
    struct pki pki;
    struct generation *generation;
    struct crew *crew;
    struct worker_route routes[2]; /* the second one comes with a reload */
    struct crew_options options;
};

static struct generation *make_generation(const struct fixture *fixture, uint64_t number)
{
    const struct generation_double_options options = {.pki = &fixture->pki,
                                                      .uri = "spiffe://test/sidecar",
                                                      .expected = "spiffe://test/sidecar",
                                                      .seconds = 3600};

    return generation_double_new(number, &options);
}

static void start(struct fixture *fixture)
{
    static const char *const names[] = {"in", "more"};
    struct err err;

    log_setup(LOG_ERROR, LOG_TEXT);
    *fixture = (struct fixture){.options = {.num_workers = WORKERS,
                                            .connections_max = 1000,
                                            .connections_max_from_each = 1000,
                                            .worker = {.routes = fixture->routes,
                                                       .num_routes = 1,
                                                       .limits = {.handshakes_max = 1000,
                                                                  .buffer_memory = 1U << 20,
                                                                  .drain_timeout_ms = WAIT_MS}}}};
    pki_init(&fixture->pki);
    fixture->generation = make_generation(fixture, 1);
    for (unsigned i = 0; i < 2; i++) {
        fixture->routes[i].conn.name = names[i];
        fixture->routes[i].conn.host = "app.example";
        fixture->routes[i].conn.port = 1;
        fixture->routes[i].conn.limits.handshake_ms = WAIT_MS;
        fixture->routes[i].door_digest[0] = (uint8_t)i;
        assert_int_equal(sockets_parse("127.0.0.1:0", &fixture->routes[i].listen, &err), 0);
    }
    fixture->options.worker.generation = fixture->generation;
    fixture->crew = crew_start(&fixture->options, &err);
    assert_non_null(fixture->crew);
}

/* The listener still takes connections. */
static void expect_service(const struct fixture *fixture, size_t route)
{
    struct sockets_address address = crew_address(fixture->crew, route);
    int fd = sockets_connect(&address);

    assert_true(fd >= 0);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, WAIT_MS), 1);
    assert_int_equal(sockets_error(fd), 0);
    close(fd);
}

static void r39_a_reload_without_memory_or_sockets_changes_nothing(void **state)
{
    static const struct {
        enum shortage_call call;
        int error;
    } rows[] = {{SHORTAGE_MEMORY, ENOMEM}, {SHORTAGE_SOCKET, EMFILE}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crew_change *change = NULL;
        struct generation *next = NULL;
        struct fixture fixture;
        struct err err;
        unsigned long nth = 0;

        start(&fixture);
        fixture.options.worker.num_routes = 2;
        fixture.routes[0].settings_digest[0] = 1; /* it changes, and there is one more */
        while (change == NULL && nth < CALLS_MAX) {
            const struct shortage_rule rule = {rows[i].call, rows[i].error, .nth = ++nth};

            shortage_begin(&rule, 1, true);
            change = crew_prepare(fixture.crew, &fixture.options, &err);
            if (shortage_end() == 0) {
                break; /* as many calls as there are have failed */
            }
            crew_cancel(change); /* one that could do without */
            change = NULL;
            expect_service(&fixture, 0);
        }
        assert_in_range(nth, 2, CALLS_MAX - 1);
        assert_non_null(change);
        next = make_generation(&fixture, 2);
        crew_commit(fixture.crew, change, next);
        for (unsigned k = 0; k < WAIT_MS && crew_generation(fixture.crew) != 2; k++) {
            (void)poll(NULL, 0, 1);
        }
        expect_service(&fixture, 0);
        expect_service(&fixture, 1);
        assert_true(crew_stop(fixture.crew));
        generation_unref(next);
        generation_unref(fixture.generation);
        pki_deinit(&fixture.pki);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r39_a_reload_without_memory_or_sockets_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
