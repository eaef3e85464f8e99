/*
 * File: whole files in and out, and nothing left behind after a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/file.h"

struct folder {
    char path[64];
    char file[128]; /* path of "f" inside it */
};

static int folder_make(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    assert_non_null(folder);
    snprintf(folder->path, sizeof(folder->path), "/tmp/liftgate-file-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof(folder->file), "%s/f", folder->path);
    *state = folder;
    return 0;
}

static int folder_remove(void **state)
{
    struct folder *folder = *state;

    unlink(folder->file);
    /* Fails if anything else was left there. */
    assert_int_equal(rmdir(folder->path), 0);
    free(folder);
    return 0;
}

static void what_is_written_can_be_read(void **state)
{
    const struct folder *folder = *state;
    uint8_t *data = NULL;
    size_t len = 0;
    struct stat info;
    struct err err;

    assert_int_equal(file_create(folder->file, 0600, "a\0b", 3, &err), 0);
    assert_int_equal(stat(folder->file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(file_read(folder->file, 3, &data, &len, &err), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "a\0b", 4); /* and a NUL behind it */
    free(data);
}

static void an_empty_file_is_a_file(void **state)
{
    const struct folder *folder = *state;
    uint8_t *data = NULL;
    size_t len = 1;
    struct err err;

    assert_int_equal(file_create(folder->file, 0600, "", 0, &err), 0);
    assert_int_equal(file_read(folder->file, 0, &data, &len, &err), 0);
    assert_int_equal(len, 0);
    assert_int_equal(data[0], 0);
    free(data);
}

static void creating_never_overwrites(void **state)
{
    const struct folder *folder = *state;
    char expected[512];
    uint8_t *data = NULL;
    size_t len = 0;
    struct err err;

    assert_int_equal(file_create(folder->file, 0600, "old", 3, &err), 0);
    assert_int_equal(file_create(folder->file, 0600, "new", 3, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    snprintf(expected, sizeof(expected), "create %s: File exists", folder->file);
    assert_string_equal(err.msg, expected);
    assert_int_equal(file_read(folder->file, 3, &data, &len, &err), 0);
    assert_memory_equal(data, "old", 3);
    free(data);
}

static void replacing_takes_the_place_of_the_old_file(void **state)
{
    const struct folder *folder = *state;
    uint8_t *data = NULL;
    size_t len = 0;
    struct stat info;
    struct err err;

    assert_int_equal(file_replace(folder->file, 0644, "old", 3, &err), 0);
    assert_int_equal(file_replace(folder->file, 0400, "newer", 5, &err), 0);
    assert_int_equal(stat(folder->file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0400);
    assert_int_equal(file_read(folder->file, 5, &data, &len, &err), 0);
    assert_int_equal(len, 5);
    assert_memory_equal(data, "newer", 5);
    free(data);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    const struct folder *folder = *state;
    struct stat info;
    struct err err;

    assert_int_equal(mkfifo(folder->file, 0600), 0);
    assert_int_equal(file_replace(folder->file, 0600, "x", 1, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "not a regular file"));
    assert_int_equal(stat(folder->file, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(unlink(folder->file), 0);
    assert_int_equal(symlink("/dev/null", folder->file), 0);
    assert_int_equal(file_replace(folder->file, 0600, "x", 1, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(unlink(folder->file), 0);
}

static void a_failed_replacement_leaves_nothing_behind(void **state)
{
    const struct folder *folder = *state;
    char expected[512];
    struct err err;

    assert_int_equal(mkdir(folder->file, 0700), 0);
    assert_int_equal(file_replace(folder->file, 0600, "x", 1, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    snprintf(expected, sizeof(expected), "rename %s.new-%ld to %s: Is a directory", folder->file,
             (long)getpid(), folder->file);
    assert_string_equal(err.msg, expected);
    assert_int_equal(rmdir(folder->file), 0);
}

static void a_write_that_fails_half_way_leaves_nothing_behind(void **state)
{
    const struct folder *folder = *state;
    struct rlimit before;
    struct rlimit limit;
    char expected[512];
    struct err err;
    int created = 0;
    int replaced = 0;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    created = file_create(folder->file, 0600, "12345678", 8, &err);
    snprintf(expected, sizeof(expected), "write %s: File too large", folder->file);
    replaced = file_replace(folder->file, 0600, "12345678", 8, &(struct err){0});
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_int_equal(created, -1);
    assert_int_equal(replaced, -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, expected);
    assert_int_equal(access(folder->file, F_OK), -1);
}

static void what_is_no_readable_file_of_that_size_is_refused(void **state)
{
    const struct folder *folder = *state;
    char expected[512];
    uint8_t *data = NULL;
    size_t len = 7;
    struct err err;

    assert_int_equal(file_read(folder->file, 8, &data, &len, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    snprintf(expected, sizeof(expected), "%s: No such file or directory", folder->file);
    assert_string_equal(err.msg, expected);

    assert_int_equal(file_read(folder->path, 8, &data, &len, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    snprintf(expected, sizeof(expected), "%s: not a regular file", folder->path);
    assert_string_equal(err.msg, expected);

    /* A FIFO without a writer must not block the reader. */
    assert_int_equal(mkfifo(folder->file, 0600), 0);
    assert_int_equal(file_read(folder->file, 8, &data, &len, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(unlink(folder->file), 0);

    assert_int_equal(file_create(folder->file, 0600, "123456789", 9, &err), 0);
    assert_int_equal(file_read(folder->file, 8, &data, &len, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    snprintf(expected, sizeof(expected), "%s: longer than 8 bytes", folder->file);
    assert_string_equal(err.msg, expected);

    assert_null(data);
    assert_int_equal(len, 7);
}

static void a_stream_is_read_to_its_end_or_its_limit(void **state)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int ends[2];
    struct err err = {0};

    for (size_t max = 3; max >= 2; max--) {
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "abc", 3), 3);
        close(ends[1]);
        if (max == 3) {
            assert_int_equal(file_read_stream(ends[0], "here", max, &data, &len, &err), 0);
            assert_int_equal(len, 3);
            assert_string_equal((const char *)data, "abc");
            free(data);
        } else {
            assert_int_equal(file_read_stream(ends[0], "here", max, &data, &len, &err), -1);
            assert_int_equal(err.code, ERR_INVALID);
            assert_string_equal(err.msg, "here: longer than 2 bytes");
        }
        close(ends[0]);
    }
    assert_int_equal(file_read_stream(-1, "here", 3, &data, &len, &err), -1);
    assert_int_equal(err.code, ERR_IO);
}

static void a_path_that_leaves_no_room_for_the_new_name_is_refused(void **state)
{
    char path[PATH_MAX];
    struct err err;

    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(file_replace(path, 0600, "x", 1, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

#define FOLDER_TEST(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(what_is_written_can_be_read),
        FOLDER_TEST(an_empty_file_is_a_file),
        FOLDER_TEST(creating_never_overwrites),
        FOLDER_TEST(replacing_takes_the_place_of_the_old_file),
        FOLDER_TEST(what_is_no_file_is_not_replaced),
        FOLDER_TEST(a_failed_replacement_leaves_nothing_behind),
        FOLDER_TEST(a_write_that_fails_half_way_leaves_nothing_behind),
        FOLDER_TEST(what_is_no_readable_file_of_that_size_is_refused),
        cmocka_unit_test(a_stream_is_read_to_its_end_or_its_limit),
        cmocka_unit_test(a_path_that_leaves_no_room_for_the_new_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
