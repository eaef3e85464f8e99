/*
 * Calls: one perf event for each thread, perf_event_open(2).
 */
#include "bench/calls.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"

#define PATH_CAP 64

struct calls {
    int *fds;
    size_t num;
    size_t cap;
};

/* The number of the tracepoint; 0: there is none, or it is not for us. */
static uint64_t tracepoint(void)
{
    FILE *file = fopen("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id", "re");
    char text[32] = "";
    uint64_t id = 0;

    if (file == NULL) {
        return 0;
    }
    if (fgets(text, sizeof(text), file) != NULL) {
        id = strtoull(text, NULL, 10);
    }
    (void)fclose(file); /* only read from */
    return id;
}

/* -1 with errno. */
static int open_event(uint64_t id, pid_t tid)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = id, .inherit = 1};

    return (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

bool calls_known(void)
{
    uint64_t id = tracepoint();
    int fd = id != 0 ? open_event(id, 0) : -1;

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static int add_thread(struct calls *calls, uint64_t id, pid_t tid, struct err *err)
{
    int fd = -1;

    if (calls->num == calls->cap) {
        size_t cap = calls->cap > 0 ? 2 * calls->cap : 16;
        int *fds = realloc(calls->fds, cap * sizeof(*fds));

        if (fds == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        calls->fds = fds;
        calls->cap = cap;
    }
    fd = open_event(id, tid);
    if (fd < 0) {
        /* A thread that has just ended makes no more calls. */
        return errno == ESRCH ? 0
                              : err_set_errno(err, ERR_IO, errno, "system calls of %d", (int)tid);
    }
    calls->fds[calls->num++] = fd;
    return 0;
}

static int add_process(struct calls *calls, uint64_t id, pid_t pid, struct err *err)
{
    char path[PATH_CAP];
    DIR *dir = NULL;
    struct dirent *entry = NULL;
    int rc = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (dir == NULL) {
        return err_set(err, ERR_IO, "process %d is not there", (int)pid);
    }
    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            rc = add_thread(calls, id, (pid_t)strtol(entry->d_name, NULL, 10), err);
        }
    }
    closedir(dir);
    return rc;
}

struct calls *calls_start(const struct usage_family *family, struct err *err)
{
    struct calls *calls = calloc(1, sizeof(*calls));
    uint64_t id = tracepoint();

    if (calls == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < family->num; i++) {
        if (add_process(calls, id, family->pids[i], err) != 0) {
            calls_stop(calls);
            return NULL;
        }
    }
    return calls;
}

int calls_read(const struct calls *calls, uint64_t *out, struct err *err)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < calls->num; i++) {
        uint64_t count = 0;

        if (read(calls->fds[i], &count, sizeof(count)) != (ssize_t)sizeof(count)) {
            return err_set_errno(err, ERR_IO, errno, "system calls");
        }
        sum += count;
    }
    *out = sum;
    return 0;
}

void calls_stop(struct calls *calls)
{
    if (calls == NULL) {
        return;
    }
    for (size_t i = 0; i < calls->num; i++) {
        close(calls->fds[i]);
    }
    free(calls->fds);
    free(calls);
}
