/*
 * Fetcher: what it cannot reach it says, and its end waits for nobody's resolver.
 */
#include "ca/fetcher.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "common/err.h"
#include "common/sockets.h"
#include "tests/lib/names.h"

#define NAME "kds.example"

struct fixture {
    uv_loop_t loop;
    struct fetcher *fetcher;
    unsigned num_done;
    bool answered;
    char reason[ERR_MSG_CAP];
};

/* Kept where a leak checker finds it: a thread that hangs is left with what it uses. */
static struct fetcher *left_behind;

static void on_done(void *user, const struct fetcher_result *result)
{
    struct fixture *f = user;

    f->num_done++;
    f->answered = result->answered;
    snprintf(f->reason, sizeof(f->reason), "%s", result->answered ? "" : result->reason);
    fetcher_stop(f->fetcher);
}

static void start(struct fixture *f, const char *authority)
{
    const struct fetcher_options options = {
        .loop = &f->loop,
        .authority = authority,
        .timeout_ms = 20000,
        .on_done = on_done,
        .user = f,
    };
    struct err err = {0};

    *f = (struct fixture){.num_done = 0};
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->fetcher = fetcher_start(&options, &err);
    assert_non_null(f->fetcher);
}

static void finish(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    fetcher_free(f->fetcher);
}

/* HOST:PORT of a port that nobody listens at. */
static int take_port(char *out, size_t cap)
{
    struct sockets_address address;
    struct err err = {0};
    int fd = -1;

    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    fd = sockets_listen(&address, &(struct sockets_listen_options){.bind_only = true}, &err);
    assert_true(fd >= 0);
    assert_int_equal(sockets_bound(fd, &address, &err), 0);
    snprintf(out, cap, NAME ":%u", (unsigned)sockets_port(&address));
    return fd;
}

static void what_cannot_be_reached_is_said(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", NULL};
    struct fixture f;
    char authority[64];
    int fd = take_port(authority, sizeof(authority));

    names_set(NAME, addresses);
    start(&f, authority);
    fetcher_get(f.fetcher, "/x");
    finish(&f);
    assert_int_equal(f.num_done, 1);
    assert_false(f.answered);
    assert_non_null(strstr(f.reason, "refused"));
    close(fd);
}

static void an_idle_one_ends_at_once(void **state)
{
    struct fixture f;

    start(&f, "127.0.0.1:1");
    fetcher_stop(f.fetcher);
    finish(&f);
    assert_int_equal(f.num_done, 0);
}

static void a_look_up_that_hangs_does_not_hold_up_the_end(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", NULL};
    struct fixture f;
    char authority[64];
    int fd = take_port(authority, sizeof(authority));
    unsigned before = 0;

    names_set(NAME, addresses);
    names_stall(NAME, true);
    before = names_asked(NAME);
    start(&f, authority);
    fetcher_get(f.fetcher, "/x");
    while (names_asked(NAME) == before) {
        sched_yield();
    }
    fetcher_stop(f.fetcher);
    left_behind = f.fetcher;
    finish(&f);
    assert_int_equal(f.num_done, 0);
    assert_non_null(left_behind);
    names_stall(NAME, false);
    close(fd);
}

static void a_file_without_certificates_is_no_root(void **state)
{
    struct err err = {0};
    SSL_CTX *ctx = fetcher_context(NULL, &err);

    assert_non_null(ctx);
    SSL_CTX_free(ctx);
    assert_null(fetcher_context("/dev/null", &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(fetcher_context("/nosuch", &err));
    assert_int_equal(err.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_reached_is_said),
        cmocka_unit_test(an_idle_one_ends_at_once),
        cmocka_unit_test(a_file_without_certificates_is_no_root),
        cmocka_unit_test(a_look_up_that_hangs_does_not_hold_up_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
