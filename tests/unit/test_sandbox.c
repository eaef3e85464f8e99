/*
 * Tests of the sandbox: a child process enters it, tries one thing, and reports what came of it.
 */
#include "proxy/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "tests/lib/folder.h"

#define KILLED 1000 /* beyond every errno */
#define NOT_ENTERED 250
#define PATH_CAP (FOLDER_PATH_CAP + 32)

struct fixture {
    char dir[FOLDER_PATH_CAP];
    char inside[PATH_CAP];  /* a file that the settings name */
    char outside[PATH_CAP]; /* its like, in a folder that they do not */
    char beside[PATH_CAP];  /* that folder */
};

static void write_file(const char *path)
{
    struct err err;

    assert_int_equal(file_create(path, 0644, "text", 4, &err), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    char inner[PATH_CAP];

    log_setup(LOG_ERROR, LOG_TEXT);
    folder_make(fixture.dir);
    (void)snprintf(inner, sizeof(inner), "%s/in", fixture.dir);
    (void)snprintf(fixture.beside, sizeof(fixture.beside), "%s/out", fixture.dir);
    assert_int_equal(mkdir(inner, 0755), 0);
    assert_int_equal(mkdir(fixture.beside, 0755), 0);
    (void)snprintf(fixture.inside, sizeof(fixture.inside), "%s/in/file", fixture.dir);
    (void)snprintf(fixture.outside, sizeof(fixture.outside), "%s/out/file", fixture.dir);
    write_file(fixture.inside);
    write_file(fixture.outside);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    folder_remove(((struct fixture *)*state)->dir);
    return 0;
}

/* What is tried returns 0 or an errno. */
typedef int attempt_run(const struct fixture *fixture);

static int result_of(long rc)
{
    return rc < 0 ? errno : 0;
}

/* Kernels without Landlock exist; then the files are the user's business. */
static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U) > 0;
}

/* An errno, 0, KILLED, or NOT_ENTERED, from a child that has entered the sandbox. */
static int in_sandbox(const struct fixture *fixture, const char *requests, attempt_run *attempt)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        const char *const read[] = {fixture->inside};
        const struct sandbox_options options = {
            .files = {.read = read, .num_read = 1, .requests = requests},
            .ioctls = (const unsigned long[]){0xC0205300},
            .num_ioctls = requests != NULL ? 1 : 0};
        struct sandbox_state state = {0};
        struct err err;

        if (secrecy_begin(&err) != 0 || sandbox_become(&options, &err) != 0 ||
            sandbox_enter(&options, &state, &err) != 0) {
            _exit(NOT_ENTERED);
        }
        _exit(attempt(fixture));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? KILLED : WEXITSTATUS(status);
}

struct row {
    const char *name;
    attempt_run *attempt;
    int expected;
};

static void check(const struct fixture *fixture, const struct row *rows, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        int result = in_sandbox(fixture, NULL, rows[i].attempt);

        if (result != rows[i].expected) {
            fail_msg("%s: %d instead of %d", rows[i].name, result, rows[i].expected);
        }
    }
}

static int run_a_program(const struct fixture *fixture)
{
    char *const words[] = {NULL};

    return result_of(execve("/bin/true", words, words));
}

static int fork_process(const struct fixture *fixture)
{
    return result_of(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int trace(const struct fixture *fixture)
{
    return result_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int leave_namespace(const struct fixture *fixture)
{
    return result_of(syscall(SYS_unshare, 0));
}

static int load_module(const struct fixture *fixture)
{
    return result_of(syscall(SYS_init_module, NULL, 0UL, ""));
}

static int set_up_io_uring(const struct fixture *fixture)
{
    return result_of(syscall(SYS_io_uring_setup, 1U, NULL));
}

static int signal_another(const struct fixture *fixture)
{
    return result_of(kill(getppid(), 0));
}

static int become_root(const struct fixture *fixture)
{
    return result_of(setuid(0));
}

static int change_mode(const struct fixture *fixture)
{
    return result_of(chmod(fixture->inside, 0777));
}

static int packet_socket(const struct fixture *fixture)
{
    return result_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int filter_socket(const struct fixture *fixture)
{
    return result_of(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
}

static int limits_of_another(const struct fixture *fixture)
{
    struct rlimit limit;

    return result_of(prlimit(getppid(), RLIMIT_CORE, NULL, &limit));
}

static int map_code_to_write(const struct fixture *fixture)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : 0;
}

static int turn_data_to_code(const struct fixture *fixture)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? NOT_ENTERED : result_of(mprotect(page, 4096, PROT_EXEC));
}

static void forbidden_calls_end_the_process_or_are_refused(void **state)
{
    static const struct row rows[] = {
        {"execve", run_a_program, KILLED},
        {"fork", fork_process, KILLED},
        {"ptrace", trace, KILLED},
        {"unshare", leave_namespace, KILLED},
        {"init_module", load_module, KILLED},
        {"io_uring_setup", set_up_io_uring, ENOSYS},
        {"kill", signal_another, ENOSYS},
        {"setuid", become_root, ENOSYS},
        {"chmod", change_mode, ENOSYS},
        {"AF_PACKET", packet_socket, ENOSYS},
        {"NETLINK_NETFILTER", filter_socket, ENOSYS},
        {"prlimit", limits_of_another, ENOSYS},
        {"mmap", map_code_to_write, ENOSYS},
        {"mprotect", turn_data_to_code, ENOSYS},
    };

    check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static int read_inside(const struct fixture *fixture)
{
    return result_of(open(fixture->inside, O_RDONLY));
}

static int read_outside(const struct fixture *fixture)
{
    return result_of(open(fixture->outside, O_RDONLY));
}

static int read_users(const struct fixture *fixture)
{
    return result_of(open("/etc/passwd", O_RDONLY));
}

static int list_outside(const struct fixture *fixture)
{
    return result_of(open(fixture->beside, O_RDONLY | O_DIRECTORY));
}

static int write_inside(const struct fixture *fixture)
{
    return result_of(open(fixture->inside, O_WRONLY));
}

static int remove_inside(const struct fixture *fixture)
{
    return result_of(unlink(fixture->inside));
}

static void forbidden_files_are_refused(void **state)
{
    static const struct row rows[] = {
        {"read outside", read_outside, EACCES},   {"read users", read_users, EACCES},
        {"list outside", list_outside, EACCES},   {"write inside", write_inside, EACCES},
        {"remove inside", remove_inside, EACCES},
    };

    if (!has_landlock()) {
        print_message("this kernel has no Landlock\n");
        skip();
    }
    check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static int make_folder_inside(const struct fixture *fixture)
{
    char path[PATH_CAP + 8];

    (void)snprintf(path, sizeof(path), "%s.d", fixture->inside);
    return result_of(mkdir(path, 0700));
}

static int make_folder_outside(const struct fixture *fixture)
{
    char path[PATH_CAP + 8];

    (void)snprintf(path, sizeof(path), "%s.d", fixture->outside);
    return mkdir(path, 0700) != 0 ? errno : result_of(rmdir(path));
}

static int write_outside(const struct fixture *fixture)
{
    return result_of(open(fixture->outside, O_WRONLY | O_CLOEXEC));
}

static int truncate_outside(const struct fixture *fixture)
{
    return result_of(open(fixture->outside, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static int create_outside(const struct fixture *fixture)
{
    return result_of(open(fixture->outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int read_write_outside(const struct fixture *fixture)
{
    return result_of(open(fixture->outside, O_RDWR | O_CLOEXEC));
}

static int ask_for_a_report(const struct fixture *fixture)
{
    return result_of(ioctl(socket(AF_INET, SOCK_STREAM, 0), 0xC0205300, NULL));
}

static int ask_for_a_key(const struct fixture *fixture)
{
    return result_of(ioctl(socket(AF_INET, SOCK_STREAM, 0), 0xC0205301, NULL));
}

static void requests_are_made_where_they_may_and_nothing_else_is_written(void **state)
{
    const struct fixture *fixture = *state; /* requests are made where `outside` is */
    static const struct {
        const char *name;
        attempt_run *attempt;
        int without;
        int with;
        bool by_landlock;
    } rows[] = {
        {"folder there", make_folder_outside, ENOSYS, 0, false},
        {"folder elsewhere", make_folder_inside, ENOSYS, EACCES, true},
        {"write there", write_outside, EACCES, 0, false},
        {"write elsewhere", write_inside, EACCES, EACCES, true},
        {"cut off there", truncate_outside, EACCES, EACCES, false},
        {"create there", create_outside, EACCES, EACCES, false},
        {"read and write there", read_write_outside, EACCES, EACCES, false},
        {"report", ask_for_a_report, ENOSYS, ENOTTY, false}, /* of a socket */
        {"derived key", ask_for_a_key, ENOSYS, ENOSYS, false},
        {"run a program", run_a_program, KILLED, KILLED, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].by_landlock && !has_landlock()) {
            continue;
        }
        for (int with = 0; with < 2; with++) {
            int expected = with != 0 ? rows[i].with : rows[i].without;
            int result = in_sandbox(fixture, with != 0 ? fixture->beside : NULL, rows[i].attempt);

            if (result != expected) {
                fail_msg("%s, %d: %d instead of %d", rows[i].name, with, result, expected);
            }
        }
    }
}

static int own_status(const struct fixture *fixture)
{
    return result_of(open("/proc/self/statm", O_RDONLY));
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_a_thread(const struct fixture *fixture)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, nothing, NULL);

    return rc != 0 ? rc : pthread_join(thread, NULL);
}

static int look_up_a_name(const struct fixture *fixture)
{
    struct addrinfo *list = NULL;

    return getaddrinfo("localhost", "80", NULL, &list) == 0 ? 0 : EIO;
}

static int listen_and_connect(const struct fixture *fixture)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    socklen_t len = sizeof(struct sockaddr_in);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        return errno;
    }
    return result_of(connect(fd, (struct sockaddr *)&address, len));
}

static int ask_whose_a_socket_is(const struct fixture *fixture)
{
    return result_of(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

static int watch_a_file(const struct fixture *fixture)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    return fd < 0 ? errno : result_of(inotify_add_watch(fd, fixture->inside, IN_MODIFY));
}

static int open_in_reserve(const struct fixture *fixture)
{
    return result_of(open("/dev/null", O_RDONLY));
}

static int read_random(const struct fixture *fixture)
{
    return result_of(open("/dev/urandom", O_RDONLY));
}

static int count_descriptors(const struct fixture *fixture)
{
    return result_of(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
}

static void what_the_sidecar_does_is_possible(void **state)
{
    static const struct row rows[] = {
        {"read inside", read_inside, 0},
        {"own status", own_status, 0},
        {"start a thread", start_a_thread, 0},
        {"look up a name", look_up_a_name, 0},
        {"listen and connect", listen_and_connect, 0},
        {"ask whose a socket is", ask_whose_a_socket_is, 0},
        {"watch a file", watch_a_file, 0},
        {"count descriptors", count_descriptors, 0},
        {"open in reserve", open_in_reserve, 0},
        {"read random", read_random, 0},
    };

    check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_file_that_replaces_a_named_one_can_be_read(void **state)
{
    const struct fixture *fixture = *state;
    int told[2];
    pid_t child = 0;
    int status = 0;
    struct err err;

    assert_int_equal(pipe(told), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *const read_paths[] = {fixture->inside};
        const struct sandbox_options options = {.files = {.read = read_paths, .num_read = 1}};
        struct sandbox_state sandbox = {0};
        char byte = 0;

        close(told[1]);
        if (secrecy_begin(&err) != 0 || sandbox_become(&options, &err) != 0 ||
            sandbox_enter(&options, &sandbox, &err) != 0 || read(told[0], &byte, 1) != 1) {
            _exit(NOT_ENTERED);
        }
        _exit(read_inside(fixture));
    }
    close(told[0]);
    assert_int_equal(file_replace(fixture->inside, 0644, "new", 3, &err), 0);
    assert_int_equal(write(told[1], "", 1), 1);
    close(told[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int find_capabilities(const struct fixture *fixture)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[128];
    int found = ENOENT;

    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        unsigned long long mask = 1;

        if (sscanf(line, "CapEff: %llx", &mask) == 1) {
            found = mask == 0 ? 0 : EPERM;
        }
    }
    return found;
}

static int find_new_privileges(const struct fixture *fixture)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[128];

    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strcmp(line, "NoNewPrivs:\t1\n") == 0) {
            return 0;
        }
    }
    return EPERM;
}

static int find_core_limit(const struct fixture *fixture)
{
    struct rlimit limit = {.rlim_cur = 1};

    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0 ? 0 : EPERM;
}

static void nothing_is_left_of_what_root_may(void **state)
{
    static const struct row rows[] = {
        {"capabilities", find_capabilities, 0},
        {"new privileges", find_new_privileges, 0},
        {"core limit", find_core_limit, 0},
    };

    check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static int become(const struct privileges_options *options)
{
    struct err err = {.code = ERR_LIMIT};
    struct sandbox_state sandbox = {0};
    const struct sandbox_options whole = {.privileges = *options, .off = true};
    const struct passwd *user = getpwnam("nobody");

    if (user == NULL) {
        return ENOENT;
    }
    if (sandbox_become(&whole, &err) != 0 || sandbox_enter(&whole, &sandbox, &err) != 0) {
        return err.code == ERR_INVALID ? EINVAL : EIO;
    }
    return getuid() == user->pw_uid && geteuid() == user->pw_uid && getegid() == user->pw_gid &&
                   !sandbox.root && setuid(0) != 0
               ? 0
               : EPERM;
}

static void the_user_is_changed_for_good_or_the_start_fails(void **state)
{
    static const struct {
        const char *user;
        const char *group;
        int expected;
    } rows[] = {
        {"nobody", NULL, 0},
        {"no-such-user", NULL, EINVAL},
        {"nobody", "no-such-group", EINVAL},
    };

    if (geteuid() != 0) {
        print_message("only root can become another user\n");
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pid_t child = fork();
        int status = 0;

        assert_true(child >= 0);
        if (child == 0) {
            const struct privileges_options options = {.user = rows[i].user,
                                                       .group = rows[i].group};

            _exit(become(&options));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forbidden_calls_end_the_process_or_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(forbidden_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            requests_are_made_where_they_may_and_nothing_else_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_sidecar_does_is_possible, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_replaces_a_named_one_can_be_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_what_root_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_user_is_changed_for_good_or_the_start_fails, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
