/*
 * Confine_calls: which devices may be asked for what, with the files that confine_files admits; and
 * how files may be opened, where the kernel's Landlock knows nothing of that.  All else is in the
 * tests of the sandbox.
 */
#include "proxy/confine_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "proxy/confine_files.h"

#define NOT_CONFINED 250
#define LANDLOCK_IOCTLS 5 /* the first version that knows of them */

/* No device here knows them. */
#define FIRST 0xC0205300UL
#define BETWEEN 0xC0205301UL
#define SECOND 0xC0205302UL

/* What comes of a request in a child that may ask `admitted` for the first and the second: an
   errno. */
static int ask_confined(const char *admitted, size_t num_ioctls, const char *device,
                        unsigned long request, int *out_abi)
{
    const struct confine_files_options files = {.device = admitted};
    static const unsigned long ioctls[] = {FIRST, SECOND};
    const struct confine_calls_options calls = {.ioctls = ioctls, .num_ioctls = num_ioctls};
    int told[2];
    pid_t child = 0;
    int status = 0;

    assert_int_equal(pipe(told), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint8_t argument[32] = {0};
        struct err err;
        int abi = 0;
        int fd = -1;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || confine_files(&files, &abi, &err) != 0 ||
            confine_calls(&calls, &err) != 0 || write(told[1], &abi, sizeof(abi)) != sizeof(abi)) {
            _exit(NOT_CONFINED);
        }
        fd = open(device, O_RDONLY | O_CLOEXEC);
        _exit(fd < 0 || ioctl(fd, request, argument) != 0 ? errno : 0);
    }
    close(told[1]);
    assert_int_equal(read(told[0], out_abi, sizeof(*out_abi)), sizeof(*out_abi));
    close(told[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ENOTTY is what the device says itself. */
static void a_device_that_is_admitted_may_be_asked_what_is_listed_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        const char *admitted;
        size_t num_ioctls;
        const char *device;
        unsigned long request;
        int expected;
        int abi; /* of Landlock, from which on that is so */
    } rows[] = {
        {"the first", "/dev/zero", 2, "/dev/zero", FIRST, ENOTTY, 0},
        {"the second", "/dev/zero", 2, "/dev/zero", SECOND, ENOTTY, 0},
        {"an empty list", "/dev/zero", 0, "/dev/zero", FIRST, ENOSYS, 0},
        {"one between them", "/dev/zero", 2, "/dev/zero", BETWEEN, ENOSYS, 0},
        {"another device", "/dev/zero", 2, "/dev/full", FIRST, EACCES, 1},
        {"no device", NULL, 2, "/dev/zero", FIRST, EACCES, 1},
        {"one that may be read", "/dev/zero", 2, "/dev/urandom", FIRST, EACCES, LANDLOCK_IOCTLS},
        {"one that is not there", "/dev/no-such", 2, "/dev/no-such", FIRST, ENOENT, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int abi = 0;
        int result = ask_confined(rows[i].admitted, rows[i].num_ioctls, rows[i].device,
                                  rows[i].request, &abi);

        if (abi >= rows[i].abi && result != rows[i].expected) {
            fail_msg("%s: %d instead of %d", rows[i].name, result, rows[i].expected);
        }
    }
}

/* What comes of opening `path` in a child that only the filter confines: an errno. */
static int open_confined(bool requests, const char *path, int flags)
{
    const struct confine_calls_options calls = {.requests = requests};
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        struct err err;

        if (confine_calls(&calls, &err) != 0) {
            _exit(NOT_CONFINED);
        }
        _exit(open(path, flags | O_CLOEXEC, 0600) >= 0 ? 0 : errno);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void no_file_is_made_or_cut_off_even_without_landlock(void **state)
{
    static const struct {
        int flags;
        int expected[2]; /* without evidence, and with */
    } rows[] = {
        {O_RDONLY, {0, 0}},
        {O_WRONLY, {EACCES, 0}},
        {O_RDWR, {EACCES, EACCES}},
        {O_RDONLY | O_TRUNC, {EACCES, EACCES}},
        {O_WRONLY | O_TRUNC, {EACCES, EACCES}},
        {O_RDWR | O_TRUNC, {EACCES, EACCES}},
        {O_RDONLY | O_CREAT, {ENOSYS, ENOSYS}},
        {O_WRONLY | O_CREAT, {EACCES, EACCES}},
        {O_WRONLY | O_CREAT | O_TRUNC, {EACCES, EACCES}},
    };
    char path[] = "/tmp/confine_calls.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "kept", 4), 4);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int requests = 0; requests < 2; requests++) {
            int result = open_confined(requests != 0, path, rows[i].flags);

            if (result != rows[i].expected[requests]) {
                fail_msg("%#o: %d instead of %d", (unsigned)rows[i].flags, result,
                         rows[i].expected[requests]);
            }
            assert_int_equal(lseek(fd, 0, SEEK_END), 4);
        }
    }
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_is_admitted_may_be_asked_what_is_listed_and_nothing_else),
        cmocka_unit_test(no_file_is_made_or_cut_off_even_without_landlock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
