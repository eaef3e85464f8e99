/*
 * Command: runs it without a shell.
 */
#include "bench/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/err.h"

#define WORDS_CAP 4096 /* bytes of all words, with what stands for {host} and {port} */

extern char **environ;

/* The words of a command, each NUL-terminated. */
struct words {
    char text[WORDS_CAP];
    char *argv[COMMAND_WORDS_MAX + 1];
};

/* Copies `line` word by word, with the target's address in place.  False: it does not fit. */
static bool split(struct words *words, const char *line, const char *host, uint16_t port)
{
    struct buf text = buf_over(words->text, sizeof(words->text));
    size_t num = 0;

    while (*line != '\0') {
        size_t len = strcspn(line, " \t");

        if (len > 0 && num == COMMAND_WORDS_MAX) {
            return false;
        }
        if (len > 0) {
            words->argv[num++] = words->text + text.len;
        }
        while (len > 0) {
            bool fits = false;
            size_t used = 1;

            if (strncmp(line, "{host}", 6) == 0) {
                used = 6;
                fits = buf_append(&text, host, strlen(host));
            } else if (strncmp(line, "{port}", 6) == 0) {
                used = 6;
                fits = buf_printf(&text, "%" PRIu16, port);
            } else {
                fits = buf_append(&text, line, 1);
            }
            if (!fits) {
                return false;
            }
            line += used;
            len -= used;
        }
        if (!buf_append(&text, "", 1)) {
            return false;
        }
        line += strspn(line, " \t");
    }
    words->argv[num] = NULL;
    return num > 0;
}

/* Starts it with standard output and error in a pipe, whose other end is returned. */
static int start(struct words *words, pid_t *out_pid, struct err *err)
{
    int ends[2] = {-1, -1};
    posix_spawn_file_actions_t actions;
    int errnum = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set_errno(err, ERR_IO, errno, "pipe");
    }
    errnum = posix_spawn_file_actions_init(&actions);
    if (errnum == 0) {
        (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
        errnum = posix_spawnp(out_pid, words->argv[0], &actions, NULL, words->argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (errnum != 0) {
        close(ends[0]);
        return err_set_errno(err, ERR_IO, errnum, "%s", words->argv[0]);
    }
    return ends[0];
}

/* All it writes, NUL-terminated; what is beyond the maximum is read and dropped. */
static void listen_to(int fd, char *output)
{
    char chunk[4096];
    size_t len = 0;
    ssize_t got = 0;

    while ((got = read(fd, chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR)) {
        size_t room = COMMAND_OUTPUT_MAX - 1 - len;
        size_t take = got < 0 ? 0 : (size_t)got < room ? (size_t)got : room;

        memcpy(output + len, chunk, take);
        len += take;
    }
    output[len] = '\0';
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The last line that is not empty, for the error; a line of CSV says nothing, unless there is no
   other. */
static const char *last_line(char *output)
{
    const char *found = output;
    char *rest = output;

    while (rest != NULL) {
        const char *line = strsep(&rest, "\n");

        if (*line != '\0' && (*line != '"' || *found == '"')) {
            found = line;
        }
    }
    return found;
}

static int run_words(struct words *words, char *output, struct err *err)
{
    pid_t pid = 0;
    int status = 0;
    int fd = start(words, &pid, err);

    if (fd < 0) {
        return -1;
    }
    listen_to(fd, output);
    close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_IO, "%s failed: %.160s", words->argv[0], last_line(output));
    }
    return 0;
}

int command_run(const char *line, const struct sockets_address *address, struct command_report *out,
                uint64_t *out_elapsed_ns, struct err *err)
{
    int rc = -1;
    struct words *words = malloc(sizeof(*words));
    char *output = malloc(COMMAND_OUTPUT_MAX);
    char text[SOCKETS_TEXT_CAP];
    char host[SOCKETS_HOST_CAP];
    enum command_kind kind = COMMAND_REDIS;
    uint64_t begin = 0;
    uint64_t elapsed = 0;
    uint16_t port = 0;

    if (words == NULL || output == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        goto out;
    }
    sockets_format(address, text);
    if (command_kind(line, &kind, err) != 0 || sockets_split(text, host, &port, err) != 0) {
        goto out;
    }
    if (!split(words, line, host, port)) {
        err_set(err, ERR_INVALID, "the command is too long");
        goto out;
    }
    begin = now_ns();
    if (run_words(words, output, err) != 0) {
        goto out;
    }
    elapsed = now_ns() - begin;
    rc = command_read(kind, line, output, out, err);
    if (rc == 0) {
        *out_elapsed_ns = elapsed;
    }
out:
    free(words);
    free(output);
    return rc;
}
