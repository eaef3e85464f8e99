/*
 * Conn: requests over a plain socket: split, kept alive, refused, held by their owner, cut by the
 * limit.  The TLS side is the same code behind the engine, which has its own tests.
 */
#include "ca/conn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/http1.h"

#define DEADLINE_MS 300 /* that is to pass, but not before the loop has read once */
#define TURNS_MAX 2000  /* of the loop, each at most 10 ms */
#define REQUEST "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

struct fixture {
    uv_loop_t loop;
    uv_tcp_t tcp;    /* listens */
    uv_timer_t tick; /* bounds the waits of the loop */
    struct conn_options options;
    struct conn_list list;
    int fd; /* the client */
    unsigned num_requests;
    unsigned refused_status;
    bool hold; /* answer later */
    struct conn *held;
    char target[64];
    char received[8192];
    size_t received_len;
    bool ended; /* by FIN or reset */
    bool reset;
    size_t body_len;
};

static void answer(struct conn *conn)
{
    conn_answer(conn,
                &(struct conn_answer){200, "text/plain", {(const uint8_t *)"body\n", 5}, NULL});
}

static void answer_at_length(struct conn *conn, size_t len)
{
    static const uint8_t body[CONN_ANSWER_MAX];

    conn_answer(conn, &(struct conn_answer){200, "text/plain", {body, len}, NULL});
}

static void on_request(void *user, struct conn *conn, unsigned refused_status)
{
    struct fixture *f = user;

    f->num_requests++;
    f->refused_status = refused_status;
    if (refused_status == 0) {
        struct bytes target = http1_target(conn_request(conn));

        memcpy(f->target, target.data, target.len);
        f->target[target.len] = '\0';
    }
    if (f->hold) {
        f->held = conn;
        return;
    }
    if (f->body_len > 0) {
        answer_at_length(conn, f->body_len);
        return;
    }
    answer(conn);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct fixture *f = stream->data;
    struct err err = {0};

    assert_int_equal(status, 0);
    assert_int_equal(conn_accept(stream, &f->options, &f->list, &err), 0);
}

static void on_tick(uv_timer_t *timer)
{
    /* Only ends a wait. */
}

/* Turns the loop until the client has received `len` bytes in all or the end. */
static void receive(struct fixture *f, size_t len)
{
    for (unsigned i = 0; i < TURNS_MAX && f->received_len < len && !f->ended; i++) {
        ssize_t got = 0;

        uv_run(&f->loop, UV_RUN_ONCE);
        got = recv(f->fd, f->received + f->received_len, sizeof(f->received) - 1 - f->received_len,
                   MSG_DONTWAIT);
        if (got > 0) {
            f->received_len += (size_t)got;
            f->received[f->received_len] = '\0';
        } else if (got == 0 || errno != EAGAIN) {
            f->ended = true;
            f->reset = got < 0;
        }
    }
}

/* Turns the loop until `*number` is at least `wanted`. */
static void wait_for(struct fixture *f, const unsigned *number, unsigned wanted)
{
    for (unsigned i = 0; i < TURNS_MAX && *number < wanted; i++) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_true(*number >= wanted);
}

static void wait_for_num(struct fixture *f, size_t wanted)
{
    for (unsigned i = 0; i < TURNS_MAX && f->list.num > wanted; i++) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->list.num, wanted);
}

static void wait_for_none(struct fixture *f)
{
    wait_for_num(f, 0);
}

static void send_text(struct fixture *f, const char *text, size_t len)
{
    assert_int_equal(send(f->fd, text, len, MSG_NOSIGNAL), len);
}

static size_t count(const struct fixture *f, const char *text)
{
    size_t num = 0;

    for (const char *at = f->received; (at = strstr(at, text)) != NULL; at++) {
        num++;
    }
    return num;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in address;
    int len = sizeof(address);

    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&f->loop, &f->tcp);
    f->tcp.data = f;
    f->options = (struct conn_options){NULL, 10000, on_request, f};
    assert_int_equal(uv_tcp_bind(&f->tcp, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&f->tcp, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&f->tcp, (struct sockaddr *)&address, &len), 0);
    uv_timer_init(&f->loop, &f->tick);
    uv_timer_start(&f->tick, on_tick, 10, 10);
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(f->fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->fd >= 0) {
        close(f->fd);
    }
    conn_finish_all(&f->list);
    uv_close((uv_handle_t *)&f->tcp, NULL);
    uv_close((uv_handle_t *)&f->tick, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->list.num, 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static void a_request_in_single_bytes_is_one_request(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(REQUEST) - 1; i++) {
        send_text(f, &REQUEST[i], 1);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    receive(f, 40);
    assert_int_equal(f->num_requests, 1);
    assert_string_equal(f->target, "/a");
    assert_true(strncmp(f->received, "HTTP/1.1 200 ", 13) == 0);
    assert_non_null(strstr(f->received, "\r\n\r\nbody\n"));
}

static void requests_that_come_together_are_answered_in_turn(void **state)
{
    static const char three[] = REQUEST "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
                                        "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct fixture *f = *state;

    send_text(f, three, sizeof(three) - 1);
    receive(f, sizeof(f->received));
    assert_true(f->ended);
    assert_int_equal(f->num_requests, 3);
    assert_int_equal(count(f, "body\n"), 3);
    assert_int_equal(count(f, "Connection: close"), 1);
    assert_string_equal(f->target, "/c");
}

/* Another client of the fixture's listener. */
static int connect_again(struct fixture *f)
{
    struct sockaddr_in address;
    int len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t before = f->list.num;

    assert_int_equal(uv_tcp_getsockname(&f->tcp, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    for (unsigned i = 0; i < TURNS_MAX && f->list.num == before; i++) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->list.num, before + 1);
    return fd;
}

static void room_is_made_by_whoever_has_waited_longest(void **state)
{
    struct fixture *f = *state;
    int fds[3] = {-1, -1, -1};
    char byte = 0;

    f->hold = true;
    send_text(f, REQUEST, sizeof(REQUEST) - 1);
    wait_for(f, &f->num_requests, 1);
    for (size_t i = 0; i < 3; i++) {
        uint64_t from = uv_now(&f->loop);

        fds[i] = connect_again(f);
        while (uv_now(&f->loop) == from) {
            uv_run(&f->loop, UV_RUN_ONCE);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(conn_make_room(&f->list));
        wait_for_num(f, 3 - i);
        assert_int_equal(recv(fds[i], &byte, 1, 0), 0);
        close(fds[i]);
    }
    assert_false(conn_make_room(&f->list)); /* the one with the request is at work */
    answer(f->held);
    receive(f, 40);
    assert_int_equal(count(f, "body\n"), 1);
}

static void a_refused_request_is_answered_and_ends_the_connection(void **state)
{
    static const char bad[] = "GET /a HTTP/1.1\nHost: h\n\n" REQUEST;
    struct fixture *f = *state;

    send_text(f, bad, sizeof(bad) - 1);
    receive(f, sizeof(f->received));
    assert_true(f->ended);
    assert_int_equal(f->num_requests, 1);
    assert_int_equal(f->refused_status, 400);
    assert_int_equal(count(f, "Connection: close"), 1);
}

static void a_body_over_the_limit_still_gets_its_answer(void **state)
{
    static const char head[] = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n";
    static const char body[32768];
    struct fixture *f = *state;

    send_text(f, head, sizeof(head) - 1);
    send_text(f, body, sizeof(body)); /* unread when the answer leaves: no reset may follow it */
    receive(f, sizeof(f->received));
    assert_int_equal(f->refused_status, 413);
    assert_int_equal(count(f, "body\n"), 1);
    assert_true(f->ended);
    assert_false(f->reset);
}

static void a_client_that_reads_late_gets_every_answer(void **state)
{
    const unsigned num = 600;
    struct fixture *f = *state;
    size_t total = 0;
    unsigned quiet = 0;

    f->body_len = 20000; /* 12 MB in all: more than the kernel keeps */
    for (unsigned i = 0; i < num; i++) {
        send_text(f, REQUEST, sizeof(REQUEST) - 1);
    }
    while (quiet < 20) { /* until nothing moves: the server waits for us */
        unsigned before = f->num_requests;

        uv_run(&f->loop, UV_RUN_ONCE);
        quiet = f->num_requests == before ? quiet + 1 : 0;
    }
    assert_in_range(f->num_requests, 1, num - 1);
    for (unsigned i = 0; i < 100 * TURNS_MAX && total < num * f->body_len; i++) {
        static uint8_t drain[65536];
        ssize_t got = recv(f->fd, drain, sizeof(drain), MSG_DONTWAIT);

        if (got > 0) {
            total += (size_t)got;
        } else {
            uv_run(&f->loop, UV_RUN_ONCE);
        }
    }
    assert_int_equal(f->num_requests, num);
    assert_true(total >= num * f->body_len);
}

static void a_request_that_takes_too_long_is_refused(void **state)
{
    static const char *const parts[] = {
        "GET /a HTT",
        "GET /a HTTP/1.1\r\nHost: h\r\n",
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct fixture *f = NULL;

        setup(state);
        f = *state;
        f->options.request_ms = DEADLINE_MS;
        send_text(f, parts[i], strlen(parts[i]));
        receive(f, sizeof(f->received));
        assert_true(f->ended);
        assert_int_equal(f->num_requests, 1);
        assert_int_equal(f->refused_status, 408);
        assert_int_equal(count(f, "Connection: close"), 1);
        assert_int_equal(count(f, "body\n"), 1);
        wait_for_none(f);
        teardown(state);
    }
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
    static const size_t lens[] = {0, sizeof(REQUEST) - 1};

    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = NULL;

        setup(state);
        f = *state;
        f->options.request_ms = DEADLINE_MS;
        send_text(f, REQUEST, lens[i]);
        receive(f, sizeof(f->received));
        assert_true(f->ended);
        assert_int_equal(f->num_requests, i);
        assert_int_equal(count(f, "HTTP/1.1 "), i);
        wait_for_none(f);
        teardown(state);
    }
}

static void turn_for(struct fixture *f, uint64_t ms)
{
    uint64_t end = uv_hrtime() + ms * 1000000;

    while (uv_hrtime() < end) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

static void being_idle_takes_nothing_from_the_next_request(void **state)
{
    struct fixture *f = *state;

    f->options.request_ms = 800;
    send_text(f, REQUEST, sizeof(REQUEST) - 1);
    receive(f, 40);
    turn_for(f, 500);
    send_text(f, REQUEST, 10);
    turn_for(f, 500);
    send_text(f, &REQUEST[10], sizeof(REQUEST) - 11);
    wait_for(f, &f->num_requests, 2);
    assert_int_equal(f->refused_status, 0);
}

static void the_answer_to_head_has_no_body(void **state)
{
    static const char two[] = "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"
                              "GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct fixture *f = *state;

    send_text(f, two, sizeof(two) - 1);
    receive(f, sizeof(f->received));
    assert_int_equal(f->num_requests, 2);
    assert_int_equal(count(f, "Content-Length: 5\r\n"), 2);
    assert_int_equal(count(f, "body\n"), 1);
}

static void a_held_request_is_under_no_limit(void **state)
{
    struct fixture *f = *state;

    f->hold = true;
    f->options.request_ms = DEADLINE_MS;
    send_text(f, REQUEST, sizeof(REQUEST) - 1);
    wait_for(f, &f->num_requests, 1);
    for (unsigned i = 0; i < 10; i++) { /* five times the limit */
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->list.num, 1);
    answer(f->held);
    receive(f, 40);
    assert_int_equal(count(f, "body\n"), 1);
}

static void an_answer_to_a_peer_that_left_is_dropped(void **state)
{
    struct fixture *f = *state;

    f->hold = true;
    send_text(f, REQUEST, sizeof(REQUEST) - 1);
    wait_for(f, &f->num_requests, 1);
    close(f->fd);
    f->fd = -1;
    answer(f->held);
    wait_for_none(f);
}

static void a_held_request_is_answered_after_the_end(void **state)
{
    struct fixture *f = *state;

    f->hold = true;
    send_text(f, REQUEST REQUEST, 2 * (sizeof(REQUEST) - 1));
    wait_for(f, &f->num_requests, 1);
    conn_finish_all(&f->list);
    for (unsigned i = 0; i < 5; i++) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->list.num, 1);
    answer(f->held);
    receive(f, sizeof(f->received));
    assert_true(f->ended);
    assert_int_equal(count(f, "body\n"), 1);
    assert_int_equal(count(f, "Connection: close"), 1);
    assert_int_equal(f->num_requests, 1);
    close(f->fd);
    f->fd = -1;
    wait_for_none(f);
}

static void the_peers_end_ends_an_idle_connection(void **state)
{
    struct fixture *f = *state;

    send_text(f, REQUEST, sizeof(REQUEST) - 1);
    receive(f, 40);
    shutdown(f->fd, SHUT_WR);
    wait_for_none(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_in_single_bytes_is_one_request),
        CASE(requests_that_come_together_are_answered_in_turn),
        CASE(room_is_made_by_whoever_has_waited_longest),
        CASE(a_refused_request_is_answered_and_ends_the_connection),
        CASE(a_body_over_the_limit_still_gets_its_answer),
        CASE(a_client_that_reads_late_gets_every_answer),
        cmocka_unit_test(a_request_that_takes_too_long_is_refused),
        cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
        CASE(being_idle_takes_nothing_from_the_next_request),
        CASE(the_answer_to_head_has_no_body),
        CASE(a_held_request_is_under_no_limit),
        CASE(an_answer_to_a_peer_that_left_is_dropped),
        CASE(a_held_request_is_answered_after_the_end),
        CASE(the_peers_end_ends_an_idle_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
