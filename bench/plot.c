/*
 * Plot: gnuplot as a child.  The script is a file in memory, so that neither side can wait for the
 * other with a full pipe.
 */
#include "bench/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"

#define SVG_MAX (4 * 1024 * 1024) /* bytes */

extern char **environ;

/* A descriptor from which the script can be read; -1 with errno. */
static int script_fd(const char *script, size_t len)
{
    int fd = memfd_create("plot", MFD_CLOEXEC);

    if (fd >= 0 && (write(fd, script, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Starts gnuplot between two descriptors; an errno value, 0 for none. */
static int start(int in, int out, pid_t *out_pid)
{
    char name[] = "gnuplot";
    char *argv[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    }
    if (rc == 0) {
        rc = posix_spawnp(out_pid, name, &actions, NULL, argv, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* All that comes until the end, as a text; NULL: too much, or none. */
static char *collect(int fd)
{
    char *text = malloc(SVG_MAX + 1);
    size_t len = 0;
    ssize_t got = 1;

    while (text != NULL && got > 0 && len < SVG_MAX) {
        got = read(fd, text + len, SVG_MAX - len);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    if (got != 0 || len == 0) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* Without the head of an XML file, which has no place in a page. */
static char *cut_head(char *text)
{
    const char *svg = text != NULL ? strstr(text, "<svg") : NULL;
    char *copy = svg != NULL ? strdup(svg) : NULL;

    free(text);
    return copy;
}

char *plot_svg(const char *script, size_t len, struct err *err)
{
    int in = script_fd(script, len);
    int ends[2] = {-1, -1};
    char *svg = NULL;
    pid_t pid = 0;
    int status = 0;
    int rc = 0;

    if (in < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        err_set_errno(err, ERR_IO, errno, "gnuplot");
        goto out;
    }
    rc = start(in, ends[1], &pid);
    if (rc != 0) {
        err_set_errno(err, ERR_IO, rc, "gnuplot (package gnuplot-nox)");
        goto out;
    }
    close(ends[1]);
    ends[1] = -1;
    svg = cut_head(collect(ends[0]));
    close(ends[0]); /* before the wait: it may have more to say than is read */
    ends[0] = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (svg == NULL || status != 0) {
        free(svg);
        svg = NULL;
        err_set(err, ERR_IO, "gnuplot failed");
    }
out:
    for (size_t i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
    if (in >= 0) {
        close(in);
    }
    return svg;
}
