/*
 * Calls: a known number of system calls, of this process, of its threads and of its children.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/calls.h"
#include "common/err.h"

#define CALLS 5000
#define SLACK 500 /* of what is around them: threads, children, sanitizers */

/* In a mount namespace of our own, where nobody else sees the file system. */
static int mount_tracefs(void **state)
{
    if (!calls_known() && unshare(CLONE_NEWNS) == 0 &&
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
        (void)mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL); /* calls_known() */
    }
    return 0;
}

static void *call(void *arg)
{
    for (unsigned i = 0; i < CALLS; i++) {
        (void)syscall(SYS_getppid);
    }
    return arg;
}

static void *start_another(void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, call, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return arg;
}

static void *start_child(void *arg)
{
    pid_t pid = fork();

    if (pid == 0) {
        call(NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return arg;
}

static void *do_nothing(void *arg)
{
    return arg;
}

static void each_call_is_counted_once(void **state)
{
    static const struct {
        void *(*what)(void *);
        uint64_t least;
    } rows[] = {{do_nothing, 0}, {call, CALLS}, {start_another, CALLS}, {start_child, CALLS}};

    if (!calls_known()) {
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct usage_family family;
        struct calls *calls = NULL;
        struct err err;
        uint64_t count = 0;

        assert_int_equal(usage_find(getpid(), &family, &err), 0);
        calls = calls_start(&family, &err);
        assert_non_null(calls);
        rows[i].what(NULL);
        assert_int_equal(calls_read(calls, &count, &err), 0);
        calls_stop(calls);
        assert_in_range(count, rows[i].least, rows[i].least + SLACK);
    }
}

static void a_process_that_is_not_there_is_named(void **state)
{
    const struct usage_family family = {.pids = {4194304}, .num = 1}; /* above the kernel's limit */
    struct err err;

    assert_null(calls_start(&family, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "process 4194304 is not there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_call_is_counted_once, mount_tracefs),
        cmocka_unit_test(a_process_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
