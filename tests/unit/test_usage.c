/*
 * Usage: this process and a child of it, which must cost what they do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/usage.h"
#include "common/err.h"

static void burn(void)
{
    struct timespec now = {0};

    while (now.tv_sec == 0 && now.tv_nsec < 30000000) { /* of processor time */
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    }
}

static void a_process_that_forgets_its_children_is_known(void **state)
{
    assert_true(signal(SIGCHLD, SIG_DFL) != SIG_ERR); /* whatever we were started with */
    assert_false(usage_forgets_children(getpid()));
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    assert_true(usage_forgets_children(getpid()));
    assert_true(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

static void time_that_was_burnt_is_seen(void **state)
{
    struct usage_family family;
    struct usage before;
    struct usage after;
    struct err err;

    assert_int_equal(usage_find(getpid(), &family, &err), 0);
    assert_int_equal(usage_read(&family, &before, &err), 0);
    burn();
    assert_int_equal(usage_read(&family, &after, &err), 0);
    assert_true(after.cpu_ns > before.cpu_ns);
    assert_true(after.cpu_ns >= 20000000);
}

static void *burn_on_a_thread(void *arg)
{
    burn();
    return arg;
}

static void time_of_a_thread_that_has_ended_is_not_lost(void **state)
{
    struct usage_family family;
    struct usage before;
    struct usage after;
    struct err err;
    pthread_t thread;

    assert_int_equal(usage_find(getpid(), &family, &err), 0);
    assert_int_equal(usage_read(&family, &before, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, burn_on_a_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(usage_read(&family, &after, &err), 0);
    assert_true(after.cpu_ns >= before.cpu_ns + 20000000);
}

static void a_child_belongs_to_the_family_until_it_is_gone(void **state)
{
    struct usage_family family;
    struct usage usage = {.cpu_ns = 7};
    uint64_t memory = 0;
    struct err err;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(usage_find(getpid(), &family, &err), 0);
    assert_int_equal(family.num, 2);
    assert_int_equal(family.pids[1], child);
    assert_int_equal(usage_memory(&family, &memory, &err), 0);
    assert_true(memory > 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(usage_read(&family, &usage, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(usage.cpu_ns, 7);
    assert_int_equal(usage_find(getpid(), &family, &err), 0);
    assert_int_equal(family.num, 1);
    assert_int_equal(usage_find(child, &family, &err), -1);
}

static void a_child_that_has_ended_has_cost_what_it_did(void **state)
{
    struct usage_family family;
    struct usage before;
    struct usage after;
    struct err err;
    pid_t child = 0;

    assert_int_equal(usage_find(getpid(), &family, &err), 0);
    assert_int_equal(usage_read(&family, &before, &err), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        burn();
        _exit(0);
    }
    waitpid(child, NULL, 0);
    assert_int_equal(usage_read(&family, &after, &err), 0);
    assert_true(after.cpu_ns - before.cpu_ns >= 20000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_forgets_its_children_is_known),
        cmocka_unit_test(time_that_was_burnt_is_seen),
        cmocka_unit_test(time_of_a_thread_that_has_ended_is_not_lost),
        cmocka_unit_test(a_child_that_has_ended_has_cost_what_it_did),
        cmocka_unit_test(a_child_belongs_to_the_family_until_it_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
