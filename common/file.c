/*
 * File: reading and writing of whole files.
 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"

int file_read_stream(int fd, const char *name, size_t max, uint8_t **out_data, size_t *out_len,
                     struct err *err)
{
    /* One byte more than allowed is asked for, so that a file that grows meanwhile is noticed. */
    uint8_t *data = malloc(max + 2);
    size_t len = 0;

    if (data == NULL) {
        return err_set(err, ERR_LIMIT, "%s: out of memory", name);
    }
    for (;;) {
        ssize_t got = read(fd, data + len, max + 1 - len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            err_set_errno(err, ERR_IO, errno, "%s", name);
            break;
        }
        len += (size_t)got;
        if (len > max) {
            err_set(err, ERR_INVALID, "%s: longer than %zu bytes", name, max);
            break;
        }
        if (got == 0) {
            data[len] = '\0';
            *out_data = data;
            *out_len = len;
            return 0;
        }
    }
    free(data);
    return -1;
}

int file_read(const char *path, size_t max, uint8_t **out_data, size_t *out_len, struct err *err)
{
    /* O_NONBLOCK: a FIFO must be refused below, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    int rc = -1;

    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "%s", path);
    }
    if (fstat(fd, &info) != 0) {
        err_set_errno(err, ERR_IO, errno, "%s", path);
    } else if (!S_ISREG(info.st_mode)) {
        err_set(err, ERR_INVALID, "%s: not a regular file", path);
    } else if ((uintmax_t)info.st_size > max) {
        err_set(err, ERR_INVALID, "%s: longer than %zu bytes", path, max);
    } else {
        rc = file_read_stream(fd, path, max, out_data, out_len, err);
    }
    close(fd);
    return rc;
}

static int write_all(int fd, const char *path, const void *data, size_t len, struct err *err)
{
    const uint8_t *rest = data;

    while (len > 0) {
        ssize_t put = write(fd, rest, len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return err_set_errno(err, ERR_IO, errno, "write %s", path);
        }
        rest += put;
        len -= (size_t)put;
    }
    if (fsync(fd) != 0) {
        return err_set_errno(err, ERR_IO, errno, "write %s", path);
    }
    return 0;
}

int file_create(const char *path, unsigned mode, const void *data, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int rc = 0;

    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "create %s", path);
    }
    rc = write_all(fd, path, data, len, err);
    if (close(fd) != 0 && rc == 0) {
        rc = err_set_errno(err, ERR_IO, errno, "write %s", path);
    }
    if (rc != 0) {
        unlink(path);
    }
    return rc;
}

int file_replace(const char *path, unsigned mode, const void *data, size_t len, struct err *err)
{
    char temporary[PATH_MAX];
    struct stat info;
    int text_len = snprintf(temporary, sizeof(temporary), "%s.new-%ld", path, (long)getpid());

    if (text_len < 0 || (size_t)text_len >= sizeof(temporary)) {
        return err_set(err, ERR_INVALID, "%s: path too long", path);
    }
    /* A rename would put a file in the place of /dev/null or /dev/stdout, for the whole system. */
    if (lstat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        return err_set(err, ERR_INVALID, "%s: not a regular file", path);
    }
    if (file_create(temporary, mode, data, len, err) != 0) {
        return -1;
    }
    if (rename(temporary, path) != 0) {
        err_set_errno(err, ERR_IO, errno, "rename %s to %s", temporary, path);
        unlink(temporary);
        return -1;
    }
    return 0;
}
