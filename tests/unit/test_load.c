/*
 * Load: the closed loop against servers that echo, lie, hang up or are not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load.h"
#include "common/err.h"

#define TIME_MS 150 /* a busy machine may give us nothing for some tens of them */
#define CONNECTIONS 3

enum manner { MANNER_ECHO, MANNER_LIE, MANNER_HANG_UP };

#define PAUSE_MS 20

struct server {
    enum manner manner;
    atomic_bool pauses; /* once, before it answers what comes next */
    int listener;
    struct sockets_address address;
    pthread_t thread;
};

/* Answers one connection's bytes; false at its end. */
static bool answer(enum manner manner, int fd)
{
    char chunk[256];
    ssize_t got = recv(fd, chunk, sizeof(chunk), 0);

    if (got <= 0 || manner == MANNER_HANG_UP) {
        return false;
    }
    if (manner == MANNER_LIE) {
        chunk[got - 1] = '!';
    }
    return send(fd, chunk, (size_t)got, MSG_NOSIGNAL) == got;
}

/* Ends when all of CONNECTIONS have come and gone. */
static void *serve(void *arg)
{
    struct server *server = arg;
    struct pollfd fds[CONNECTIONS + 1] = {{.fd = server->listener, .events = POLLIN}};
    nfds_t num = 1;
    size_t open = CONNECTIONS;

    while (open > 0) {
        poll(fds, num, -1);
        if (atomic_exchange(&server->pauses, false)) {
            (void)poll(NULL, 0, PAUSE_MS);
        }
        for (nfds_t i = 1; i < num; i++) {
            if (fds[i].fd >= 0 && fds[i].revents != 0 && !answer(server->manner, fds[i].fd)) {
                close(fds[i].fd);
                fds[i].fd = -1;
                open--;
            }
        }
        if (fds[0].revents != 0) {
            fds[num++] =
                (struct pollfd){.fd = accept(server->listener, NULL, NULL), .events = POLLIN};
            fds[0].events = num <= CONNECTIONS ? POLLIN : 0;
        }
    }
    return NULL;
}

/* A listener on a port that the kernel chose; blocks in accept(). */
static int listener_open(struct server *server)
{
    struct err err;
    int fd = -1;

    assert_int_equal(sockets_parse("127.0.0.1:0", &server->address, &err), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &server->address.u.any, server->address.len), 0);
    assert_int_equal(listen(fd, CONNECTIONS), 0);
    assert_int_equal(sockets_bound(fd, &server->address, &err), 0);
    return fd;
}

static void server_start(struct server *server, enum manner manner)
{
    server->manner = manner;
    atomic_init(&server->pauses, false);
    server->listener = listener_open(server);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_join(struct server *server)
{
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    close(server->listener);
}

/* `mode` says what differs from a closed loop on all connections. */
static int run_mode(const struct server *server, const struct load_options *mode,
                    struct load_result *result, struct err *err)
{
    struct exchange exchange;
    struct load_options options = *mode;
    int rc = 0;

    options.address = server->address;
    options.connections = CONNECTIONS - mode->idle;
    options.pipeline = mode->pipeline > 0 ? mode->pipeline : 1;
    options.warm_up_ms = 5;
    options.time_ms = mode->time_ms > 0 ? mode->time_ms : TIME_MS;
    options.settle_ms = 1;
    options.stall_ms = mode->stall_ms > 0 ? mode->stall_ms : 10000;
    options.exchange = &exchange;
    assert_int_equal(exchange_init(&exchange, EXCHANGE_ECHO, 64, 64, err), 0);
    rc = load_run(&options, result, err);
    assert_true(result->elapsed_ns > 0 || rc != 0);
    exchange_deinit(&exchange);
    return rc;
}

static int run(const struct server *server, struct load_result *result, struct err *err)
{
    const struct load_options plain = {0};

    return run_mode(server, &plain, result, err);
}

static int make(void **state)
{
    *state = calloc(1, sizeof(struct load_result));
    return *state == NULL;
}

static int drop(void **state)
{
    free(*state);
    return 0;
}

static void round_trips_are_counted_until_the_time_is_over(void **state)
{
    struct load_result *result = *state;
    struct server server;
    struct err err;

    server_start(&server, MANNER_ECHO);
    assert_int_equal(run(&server, result, &err), 0);
    server_join(&server);
    assert_true(result->operations > 0);
    assert_true(result->latency.count > 0);
    assert_true(result->latency.max_ns > 0);
}

static int count_mark(void *user, enum load_mark mark, struct err *err)
{
    unsigned *seen = user;

    seen[mark]++;
    return 0;
}

static int refuse_mark(void *user, enum load_mark mark, struct err *err)
{
    return err_set(err, ERR_IO, "mark %d", (int)mark);
}

static void every_mode_counts_and_marks(void **state)
{
    static const struct load_options rows[] = {
        {.pipeline = 1},
        {.pipeline = 7},
        {.idle = 1},
        {.rate = 2000},
        {.rate = 9000, .pipeline = 3},
        {.rate = 500, .idle = 2},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct load_options mode = rows[i];
        struct load_result *result = *state;
        unsigned seen[LOAD_END + 1] = {0};
        struct server server;
        struct err err;

        mode.on_mark = count_mark;
        mode.user = seen;
        result->latency.count = 0;
        server_start(&server, MANNER_ECHO);
        assert_int_equal(run_mode(&server, &mode, result, &err), 0);
        server_join(&server);
        assert_true(result->latency.count > 0);
        assert_int_equal(seen[LOAD_SETTLED], mode.idle > 0);
        assert_int_equal(seen[LOAD_BEGIN], 1);
        assert_int_equal(seen[LOAD_END], 1);
        if (mode.rate > 0) { /* neither more nor less than were due */
            uint64_t due = result->elapsed_ns * mode.rate / 1000000000;

            assert_in_range(result->latency.count, due > 0 ? due - 1 : 0, due + 1);
        }
    }
}

static int pause_at_begin(void *user, enum load_mark mark, struct err *err)
{
    struct server *server = user;

    atomic_store(&server->pauses, mark == LOAD_BEGIN);
    return 0;
}

/* All that are counted were due while the server was deaf; with their beginning taken when they
   were sent, all but a few would seem fast. */
static void open_loop_latency_is_from_when_a_request_was_due(void **state)
{
    struct server server;
    const struct load_options mode = {
        .rate = 1000, .on_mark = pause_at_begin, .user = &server, .time_ms = 20};
    struct load_result *result = *state;
    struct err err;

    server_start(&server, MANNER_ECHO);
    assert_int_equal(run_mode(&server, &mode, result, &err), 0);
    server_join(&server);
    assert_true(latency_percentile(&result->latency, 500) >= 2000000);
}

static void a_rate_out_of_reach_ends_the_run(void **state)
{
    const struct load_options mode = {.rate = 10000000, .time_ms = 20, .stall_ms = 100};
    struct server server;
    struct err err;

    server_start(&server, MANNER_ECHO);
    assert_int_equal(run_mode(&server, &mode, *state, &err), -1);
    server_join(&server);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(err.msg,
                        "10000000 requests a second are too many: 120 ms later some still wait");
}

static void a_mark_that_fails_ends_the_run(void **state)
{
    const struct load_options mode = {.on_mark = refuse_mark};
    struct server server;
    struct err err;

    server_start(&server, MANNER_ECHO);
    assert_int_equal(run_mode(&server, &mode, *state, &err), -1);
    server_join(&server);
    assert_string_equal(err.msg, "mark 1");
}

static void a_server_that_misbehaves_ends_the_run(void **state)
{
    static const struct {
        enum manner manner;
        enum err_code code;
        const char *why;
    } rows[] = {
        {MANNER_LIE, ERR_INVALID, "another reply than expected"},
        {MANNER_HANG_UP, ERR_IO, "the other side ended the connection"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;
        struct err err;

        server_start(&server, rows[i].manner);
        assert_int_equal(run(&server, *state, &err), -1);
        server_join(&server);
        assert_int_equal(err.code, rows[i].code);
        assert_string_equal(err.msg, rows[i].why);
    }
}

static void a_server_that_is_not_there_is_named(void **state)
{
    struct server server = {0};
    struct err err;
    int fd = -1;

    fd = listener_open(&server);
    close(fd);
    assert_int_equal(run(&server, *state, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "connection 1: connect: Connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trips_are_counted_until_the_time_is_over, make, drop),
        cmocka_unit_test_setup_teardown(every_mode_counts_and_marks, make, drop),
        cmocka_unit_test_setup_teardown(open_loop_latency_is_from_when_a_request_was_due, make,
                                        drop),
        cmocka_unit_test_setup_teardown(a_rate_out_of_reach_ends_the_run, make, drop),
        cmocka_unit_test_setup_teardown(a_mark_that_fails_ends_the_run, make, drop),
        cmocka_unit_test_setup_teardown(a_server_that_misbehaves_ends_the_run, make, drop),
        cmocka_unit_test_setup_teardown(a_server_that_is_not_there_is_named, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
