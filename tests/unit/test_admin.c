/*
 * Admin: real clients on loopback, driven by the same loop as the listener.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "common/err.h"
#include "common/log.h"
#include "common/sockets.h"
#include "proxy/admin.h"

#define TURNS_MAX 20000 /* of the loop, at most 1 ms each, before a test gives up */

struct fixture {
    uv_loop_t loop;
    struct admin *admin;
    bool done;
    unsigned num_gets;
};

static void on_get(void *user, const char *path, struct admin_reply *reply)
{
    struct fixture *fixture = user;

    fixture->num_gets++;
    if (strcmp(path, "/livez") == 0) {
        reply->status = 200;
        assert_true(buf_printf(&reply->body, "ok\n"));
    } else if (strcmp(path, "/readyz") == 0) {
        reply->status = 503;
        reply->content_type = "application/json";
        assert_true(buf_printf(&reply->body, "{}"));
    } else if (strcmp(path, "/large") == 0) {
        reply->status = 200;
        memset(reply->body.data, 'x', reply->body.cap);
        reply->body.len = reply->body.cap;
    }
}

static void on_done(void *user)
{
    struct fixture *fixture = user;

    fixture->done = true;
}

static void start(struct fixture *fixture, uint64_t request_ms)
{
    const struct admin_options options = {
        .listen = "127.0.0.1:0", .request_ms = request_ms, .on_get = on_get, .user = fixture};
    struct err err;

    memset(fixture, 0, sizeof(*fixture));
    log_setup(LOG_ERROR, LOG_TEXT);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->admin = admin_start(&fixture->loop, &options, &err);
    assert_non_null(fixture->admin);
    assert_int_not_equal(sockets_port(admin_address(fixture->admin)), 0);
}

static void stop(struct fixture *fixture)
{
    admin_stop(fixture->admin, on_done, fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(fixture->done);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

static int client(struct fixture *fixture)
{
    const struct sockets_address *address = admin_address(fixture->admin);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address->u.any, address->len), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Turns the loop until `fd` has something: bytes, 0 for the end, -1 for a reset. */
static ssize_t hear(struct fixture *fixture, int fd, char *out, size_t cap)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};

        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        if (poll(&wait, 1, 1) > 0) {
            return recv(fd, out, cap, 0);
        }
    }
    fail_msg("nothing came");
    return -1;
}

/* All until the end of the stream. */
static void hear_all(struct fixture *fixture, int fd, char *out, size_t cap)
{
    size_t len = 0;
    ssize_t got = 0;

    do {
        got = hear(fixture, fd, out + len, cap - len - 1);
        assert_true(got >= 0);
        len += (size_t)got;
    } while (got > 0);
    out[len] = '\0';
}

/* clang-format off */
static const struct {
    const char *what;
    const char *request;
    const char *status;
    const char *field; /* in the head */
    const char *body;
} cases[] = {
    {"a page", "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Content-Type: text/plain\r\n", "ok\n"},
    {"a query", "GET /livez?x=/readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n", "ok\n"},
    {"HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Connection: close\r\n", "ok\n"},
    {"another status and type", "GET /readyz HTTP/1.0\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n", "Content-Type: application/json\r\n", "{}"},
    {"an unknown page", "GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Content-Length: 10\r\n", "not found\n"},
    {"another method", "POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET\r\n", "only GET\n"},
    {"a body", "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 413 Content Too Large\r\n", "Connection: close\r\n", "body too long\n"},
    {"a broken head", "GET /livez HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "Connection: close\r\n", "LF without CR\n"},
    {"TLS", "\x16\x03\x01\x02\x01\x01", "HTTP/1.1 400 Bad Request\r\n", "Connection: close\r\n", "control byte\n"},
    {"two requests at once", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 404 Not Found\r\n", "not found\n"},
    {"nothing behind the last request", "GET /nothing HTTP/1.0\r\n\r\nGET /livez HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Connection: close\r\n", "not found\n"},
};
/* clang-format on */

static void each_request_gets_its_answer(void **state)
{
    struct fixture fixture;
    char text[2048];

    start(&fixture, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = client(&fixture);

        print_message("  %s\n", cases[i].what);
        say(fd, cases[i].request);
        hear_all(&fixture, fd, text, sizeof(text));
        assert_int_equal(strncmp(text, cases[i].status, strlen(cases[i].status)), 0);
        assert_non_null(strstr(text, cases[i].field));
        assert_string_equal(text + strlen(text) - strlen(cases[i].body), cases[i].body);
        assert_non_null(strstr(text, "\r\nDate: "));
        close(fd);
    }
    stop(&fixture);
}

static void a_connection_serves_one_request_after_the_other(void **state)
{
    struct fixture fixture;
    char text[512];
    int fd = -1;

    start(&fixture, 0);
    fd = client(&fixture);
    for (int i = 0; i < 5; i++) {
        ssize_t len = 0;

        say(fd, "GET /livez HTTP/1.1\r\n");
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
        say(fd, "Host: a\r\n\r\n");
        len = hear(&fixture, fd, text, sizeof(text));
        assert_true(len > 3);
        assert_memory_equal(text + len - 3, "ok\n", 3);
    }
    assert_int_equal(fixture.num_gets, 5);
    stop(&fixture);
    assert_int_equal(recv(fd, text, sizeof(text), 0), 0);
    close(fd);
}

static void a_head_over_the_limit_is_refused(void **state)
{
    struct fixture fixture;
    char text[512];
    char *head = malloc(ADMIN_HEAD_MAX + 64);
    int len = 0;
    int fd = -1;

    assert_non_null(head);
    start(&fixture, 0);
    fd = client(&fixture);
    len = snprintf(head, 64, "GET /livez HTTP/1.1\r\nHost: a\r\nX: ");
    memset(head + len, 'x', ADMIN_HEAD_MAX);
    head[len + ADMIN_HEAD_MAX] = '\0';
    say(fd, head);
    hear_all(&fixture, fd, text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 431 ", 13), 0);
    close(fd);
    free(head);
    stop(&fixture);
}

static void a_slow_request_is_answered_and_cut(void **state)
{
    struct fixture fixture;
    char text[512];
    int fd = -1;

    start(&fixture, 20);
    fd = client(&fixture);
    say(fd, "GET /livez HTTP/1.1\r\n");
    hear_all(&fixture, fd, text, sizeof(text));
    assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13), 0);
    close(fd);
    stop(&fixture);
}

static void a_silent_client_is_cut_without_a_word(void **state)
{
    struct fixture fixture;
    char text[512];
    int fd = -1;

    start(&fixture, 20);
    fd = client(&fixture);
    hear_all(&fixture, fd, text, sizeof(text));
    assert_string_equal(text, "");
    close(fd);
    stop(&fixture);
}

static void a_client_that_does_not_read_is_cut(void **state)
{
    struct fixture fixture;
    char text[65536];
    int small = 4096;
    ssize_t got = 0;
    int fd = -1;

    start(&fixture, 50);
    fd = client(&fixture);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    /* More than the kernel takes in between, so that the deadline finds a reply unsent. */
    for (int i = 0; i < 200; i++) {
        say(fd, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < TURNS_MAX && uv_loop_alive(&fixture.loop); i++) {
        struct pollfd wait = {.fd = fd, .events = 0}; /* POLLERR and POLLHUP come unasked */

        uv_run(&fixture.loop, UV_RUN_NOWAIT);
        if (poll(&wait, 1, 1) > 0) {
            break;
        }
    }
    do {
        got = hear(&fixture, fd, text, sizeof(text));
    } while (got > 0);
    assert_int_equal(got, -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    stop(&fixture);
}

static void a_large_reply_arrives_whole(void **state)
{
    struct fixture fixture;
    size_t cap = ADMIN_REPLY_MAX + 1024;
    char *text = malloc(cap);
    char *body = NULL;
    int fd = -1;

    assert_non_null(text);
    start(&fixture, 0);
    fd = client(&fixture);
    say(fd, "GET /large HTTP/1.0\r\n\r\n");
    hear_all(&fixture, fd, text, cap);
    body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strspn(body + 4, "x"), ADMIN_REPLY_MAX);
    close(fd);
    free(text);
    stop(&fixture);
}

static void more_clients_than_places_wait_for_their_turn(void **state)
{
    struct fixture fixture;
    int fds[ADMIN_CONNECTIONS_MAX + 4];
    const size_t num = sizeof(fds) / sizeof(fds[0]);
    char text[512];

    start(&fixture, 0);
    for (size_t i = 0; i < num; i++) {
        fds[i] = client(&fixture);
        say(fds[i], "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        assert_true(hear(&fixture, fds[i], text, sizeof(text)) > 0);
    }
    for (int i = 0; i < 20; i++) {
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(fixture.num_gets, ADMIN_CONNECTIONS_MAX);
    for (size_t i = 0; i < num - ADMIN_CONNECTIONS_MAX; i++) {
        close(fds[i]);
        assert_true(hear(&fixture, fds[ADMIN_CONNECTIONS_MAX + i], text, sizeof(text)) > 0);
    }
    assert_int_equal(fixture.num_gets, num);
    for (size_t i = num - ADMIN_CONNECTIONS_MAX; i < num; i++) {
        close(fds[i]);
    }
    stop(&fixture);
}

static void silent_clients_do_not_keep_others_waiting(void **state)
{
    struct fixture fixture;
    int fds[ADMIN_CONNECTIONS_MAX * 2];
    size_t num = sizeof(fds) / sizeof(fds[0]);
    char text[1024];
    int fd = -1;

    start(&fixture, 0);
    for (size_t i = 0; i < num; i++) {
        fds[i] = client(&fixture);
        if (i % 2 == 0) {
            say(fds[i], "GET /li");
        }
    }
    fd = client(&fixture);
    say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(&fixture, fd, text, sizeof(text)) > 0);
    assert_int_equal(memcmp(text, "HTTP/1.1 200", 12), 0);
    /* It did not come because a deadline had made room: the last of the silent is still there. */
    assert_int_equal(recv(fds[num - 1], text, sizeof(text), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
    for (size_t i = 0; i < num; i++) {
        close(fds[i]);
    }
    stop(&fixture);
}

static void an_address_in_use_or_malformed_is_an_error(void **state)
{
    struct fixture fixture;
    char text[SOCKETS_TEXT_CAP];
    struct admin_options options = {.listen = text, .on_get = on_get, .user = &fixture};
    struct err err = {0};

    start(&fixture, 0);
    sockets_format(admin_address(fixture.admin), text);
    assert_null(admin_start(&fixture.loop, &options, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "Address already in use"));
    options.listen = "localhost";
    assert_null(admin_start(&fixture.loop, &options, &err));
    assert_int_equal(err.code, ERR_INVALID);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_gets_its_answer),
        cmocka_unit_test(a_connection_serves_one_request_after_the_other),
        cmocka_unit_test(a_head_over_the_limit_is_refused),
        cmocka_unit_test(a_slow_request_is_answered_and_cut),
        cmocka_unit_test(a_silent_client_is_cut_without_a_word),
        cmocka_unit_test(a_client_that_does_not_read_is_cut),
        cmocka_unit_test(a_large_reply_arrives_whole),
        cmocka_unit_test(more_clients_than_places_wait_for_their_turn),
        cmocka_unit_test(silent_clients_do_not_keep_others_waiting),
        cmocka_unit_test(an_address_in_use_or_malformed_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
