/*
 * Sock_diag: the kernel knows the owner of a loopback socket, and nobody else's is taken for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "proxy/sock_diag.h"

#define FOREIGN_UID 12345

static const char *const loopbacks[] = {"127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"};

struct ends {
    int listening;
    int caller; /* -1 if another process has it */
    int accepted;
    struct sockets_address from; /* as the listener's side sees them */
    struct sockets_address to;
};

/* False if this machine has no such loopback. */
static bool start(const char *loopback, struct ends *out)
{
    struct sockets_listen_options options = {.backlog = 4};
    struct sockets_address address = {.len = 0};
    struct err err;

    assert_int_equal(sockets_parse(loopback, &address, &err), 0);
    *out = (struct ends){.caller = -1, .accepted = -1};
    out->listening = sockets_listen(&address, &options, &err);
    if (out->listening < 0) {
        return false;
    }
    assert_int_equal(sockets_bound(out->listening, &out->to, &err), 0);
    return true;
}

static void accept_one(struct ends *ends)
{
    struct pollfd ready = {.fd = ends->listening, .events = POLLIN};

    assert_int_equal(poll(&ready, 1, 10000), 1);
    ends->accepted = sockets_accept(ends->listening, &ends->from);
    assert_true(ends->accepted >= 0);
}

static void stop(struct ends *ends)
{
    if (ends->caller >= 0) {
        close(ends->caller);
    }
    if (ends->accepted >= 0) {
        close(ends->accepted);
    }
    close(ends->listening);
}

static void the_owner_of_a_caller_is_found(void **state)
{
    for (size_t i = 0; i < sizeof(loopbacks) / sizeof(loopbacks[0]); i++) {
        struct sock_diag_owner owner = {0};
        struct stat status;
        struct ends ends;
        struct err err = {0};

        if (!start(loopbacks[i], &ends)) {
            continue;
        }
        ends.caller = sockets_connect(&ends.to);
        accept_one(&ends);
        assert_int_equal(sock_diag_find(&ends.from, &ends.to, &owner, &err), 0);
        assert_int_equal(owner.uid, geteuid());
        assert_int_equal(fstat(ends.caller, &status), 0);
        assert_int_equal(owner.inode, status.st_ino);
        assert_int_equal(shutdown(ends.caller, SHUT_WR), 0); /* it is still there */
        assert_int_equal(sock_diag_find(&ends.from, &ends.to, &owner, &err), 0);
        stop(&ends);
    }
}

/* A socket of a process with another user: closed by it when `go` is closed. */
static pid_t call_as(const struct ends *ends, uid_t uid, int go)
{
    pid_t pid = fork();

    if (pid == 0) {
        int fd = setuid(uid) == 0 ? sockets_connect(&ends->to) : -1;
        char byte = 0;

        _exit(fd >= 0 && read(go, &byte, 1) >= 0 ? 0 : 1);
    }
    return pid;
}

static void the_owner_is_another_user(void **state)
{
    struct sock_diag_owner owner = {0};
    struct ends ends;
    struct err err = {0};
    int go[2];
    pid_t pid = 0;
    int status = -1;

    if (geteuid() != 0) {
        skip();
    }
    assert_true(start("127.0.0.1:0", &ends));
    assert_int_equal(pipe(go), 0);
    pid = call_as(&ends, FOREIGN_UID, go[0]);
    assert_true(pid > 0);
    accept_one(&ends);
    assert_int_equal(sock_diag_find(&ends.from, &ends.to, &owner, &err), 0);
    assert_int_equal(owner.uid, FOREIGN_UID);
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    /* Its user is gone with it: root, the kernel would say. */
    memset(&owner, 0x5a, sizeof(owner));
    assert_int_equal(sock_diag_find(&ends.from, &ends.to, &owner, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(owner.uid, 0x5a5a5a5a);
    close(go[0]);
    close(go[1]);
    stop(&ends);
}

static void r33_a_caller_that_has_gone_is_nobody(void **state)
{
    for (size_t i = 0; i < sizeof(loopbacks) / sizeof(loopbacks[0]); i++) {
        for (unsigned reset = 0; reset < 2; reset++) {
            struct sock_diag_owner owner = {0};
            struct ends ends;
            struct err err = {0};

            if (!start(loopbacks[i], &ends)) {
                continue;
            }
            ends.caller = sockets_connect(&ends.to);
            accept_one(&ends);
            if (reset == 1) {
                sockets_reset(ends.caller);
            } else {
                close(ends.caller);
            }
            ends.caller = -1;
            assert_int_equal(sock_diag_find(&ends.from, &ends.to, &owner, &err), -1);
            assert_int_equal(err.code, ERR_DENIED);
            stop(&ends);
        }
    }
}

/* A tuple that nobody has must not find the listener at its end. */
static void a_listener_is_not_taken_for_a_caller(void **state)
{
    struct sock_diag_owner owner = {0};
    struct sockets_address nobody = {.len = 0};
    struct ends ends;
    struct err err = {0};

    assert_true(start("127.0.0.1:0", &ends));
    assert_int_equal(sockets_parse("127.0.0.1:1", &nobody, &err), 0);
    assert_int_equal(sock_diag_find(&ends.to, &nobody, &owner, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(sock_diag_find(&nobody, &ends.to, &owner, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    stop(&ends);
}

static void what_is_no_tcp_connection_has_no_owner(void **state)
{
    struct sockets_address nothing = {.len = 0};
    struct sockets_address v4 = {.len = 0};
    struct sockets_address v6 = {.len = 0};
    struct sock_diag_owner owner = {0};
    struct err err = {0};

    assert_int_equal(sockets_parse("127.0.0.1:1", &v4, &err), 0);
    assert_int_equal(sockets_parse("[::1]:1", &v6, &err), 0);
    assert_int_equal(sock_diag_find(&nothing, &v4, &owner, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(sock_diag_find(&v6, &v4, &owner, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
}

static void the_probe_finds_ourselves(void **state)
{
    struct err err = {0};

    assert_int_equal(sock_diag_probe(&err), 0);
}

/* A process without descriptors stands for a kernel that cannot be asked. */
static void r33_the_probe_says_what_is_missing(void **state)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
        struct err err = {0};

        _exit(setrlimit(RLIMIT_NOFILE, &none) == 0 && sock_diag_probe(&err) == -1 &&
                      strstr(err.msg, "tcp_diag") != NULL
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_of_a_caller_is_found),
        cmocka_unit_test(the_owner_is_another_user),
        cmocka_unit_test(r33_a_caller_that_has_gone_is_nobody),
        cmocka_unit_test(a_listener_is_not_taken_for_a_caller),
        cmocka_unit_test(what_is_no_tcp_connection_has_no_owner),
        cmocka_unit_test(the_probe_finds_ourselves),
        cmocka_unit_test(r33_the_probe_says_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
