/*
 * Usage: the files in /proc, read line by line.
 */
#include "bench/usage.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"

#define PATH_CAP 320
#define LINE_CAP 4096
#define FIELD_PARENT 4 /* of /proc/PID/stat, counted from 1: proc(5) */
#define FIELD_USER 14
#define FIELD_SYSTEM 15
#define FIELD_CHILDREN_USER 16
#define FIELD_CHILDREN_SYSTEM 17
#define SECOND UINT64_C(1000000000)

/* Field `index` (3 or more) of a line of /proc/PID/stat; the name before may hold anything. */
static uint64_t stat_field(const char *line, int index)
{
    const char *at = strrchr(line, ')');

    for (int i = 2; at != NULL && i < index; i++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static bool read_line(const char *path, char line[static LINE_CAP])
{
    FILE *file = fopen(path, "re");
    bool is_read = file != NULL && fgets(line, LINE_CAP, file) != NULL;

    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    return is_read;
}

/* Adds the number behind `key` in a file of "key: number" lines; false if it cannot be read. */
static bool add_keys(const char *path, const char *const *keys, uint64_t *const *sums, size_t num)
{
    char line[LINE_CAP];
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        for (size_t i = 0; i < num; i++) {
            size_t len = strlen(keys[i]);

            if (strncmp(line, keys[i], len) == 0) {
                *sums[i] += strtoull(line + len, NULL, 10);
            }
        }
    }
    (void)fclose(file); /* only read from */
    return true;
}

static bool is_number(const char *text)
{
    return isdigit((unsigned char)text[0]) != 0;
}

static bool is_member(const struct usage_family *family, uint64_t pid)
{
    for (size_t i = 0; i < family->num; i++) {
        if ((uint64_t)family->pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* Adds the processes whose parent is in the family; -1: too many, else how many it added. */
static int add_children(struct usage_family *family)
{
    int added = 0;
    DIR *dir = opendir("/proc");
    struct dirent *entry = NULL;

    while (dir != NULL && added >= 0 && (entry = readdir(dir)) != NULL) {
        char path[PATH_CAP];
        char line[LINE_CAP];
        uint64_t pid = strtoull(entry->d_name, NULL, 10);

        (void)snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        if (!is_number(entry->d_name) || is_member(family, pid) || !read_line(path, line) ||
            !is_member(family, stat_field(line, FIELD_PARENT))) {
            continue;
        }
        if (family->num == USAGE_PIDS_MAX) {
            added = -1;
        } else {
            family->pids[family->num++] = (pid_t)pid;
            added++;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return added;
}

int usage_find(pid_t pid, struct usage_family *out, struct err *err)
{
    struct usage_family family = {.pids = {pid}, .num = 1};
    struct usage usage;
    int added = 0;

    if (usage_read(&family, &usage, err) != 0) {
        return -1;
    }
    do {
        added = add_children(&family);
    } while (added > 0);
    if (added < 0) {
        return err_set(err, ERR_LIMIT, "process %d has more than %d children", (int)pid,
                       USAGE_PIDS_MAX);
    }
    *out = family;
    return 0;
}

/* Of the process, threads that have ended included, to the nanosecond. */
static bool add_cpu(pid_t pid, struct usage *sum)
{
    clockid_t clock;
    struct timespec time;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        return false;
    }
    sum->cpu_ns += (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
    return true;
}

/* What the threads of a process say each for itself. */
static bool add_threads(pid_t pid, struct usage *sum)
{
    static const char *const keys[] = {"voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"};
    uint64_t *const sums[] = {&sum->waits, &sum->preemptions};
    char path[PATH_CAP];
    DIR *dir = NULL;
    struct dirent *entry = NULL;
    bool is_any = false;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!is_number(entry->d_name)) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
        if (add_keys(path, keys, sums, sizeof(keys) / sizeof(keys[0]))) {
            is_any = true; /* else the thread has ended just now */
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return is_any;
}

/* What children have cost that have ended since is known in ticks only. */
static void add_ticks(const char *line, struct usage *sum)
{
    uint64_t ended =
        stat_field(line, FIELD_CHILDREN_USER) + stat_field(line, FIELD_CHILDREN_SYSTEM);

    sum->ended_ticks += ended;
    sum->cpu_ns += ended * SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
    sum->ticks += ended + stat_field(line, FIELD_USER) + stat_field(line, FIELD_SYSTEM);
    sum->system_ticks += stat_field(line, FIELD_SYSTEM) + stat_field(line, FIELD_CHILDREN_SYSTEM);
}

int usage_read(const struct usage_family *family, struct usage *out, struct err *err)
{
    struct usage sum = {0};

    for (size_t i = 0; i < family->num; i++) {
        char path[PATH_CAP];
        char line[LINE_CAP];

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)family->pids[i]);
        if (!read_line(path, line) || !add_cpu(family->pids[i], &sum) ||
            !add_threads(family->pids[i], &sum)) {
            return err_set(err, ERR_IO, "process %d is not there", (int)family->pids[i]);
        }
        add_ticks(line, &sum);
    }
    *out = sum;
    return 0;
}

bool usage_forgets_children(pid_t pid)
{
    static const char key[] = "SigIgn:";
    char path[PATH_CAP];
    char line[LINE_CAP];
    FILE *file = NULL;
    uint64_t ignored = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            ignored = strtoull(line + strlen(key), NULL, 16);
        }
    }
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    return (ignored >> (SIGCHLD - 1) & 1) != 0;
}

int usage_memory(const struct usage_family *family, uint64_t *out, struct err *err)
{
    static const char *const keys[] = {"Private_Clean:", "Private_Dirty:"};
    uint64_t kib = 0;
    uint64_t *const sums[] = {&kib, &kib};

    for (size_t i = 0; i < family->num; i++) {
        char path[PATH_CAP];

        (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)family->pids[i]);
        if (!add_keys(path, keys, sums, sizeof(keys) / sizeof(keys[0]))) {
            return err_set(err, ERR_IO, "%s cannot be read", path);
        }
    }
    *out = kib * 1024;
    return 0;
}

/* The file has pairs of lines: names, then numbers. */
uint64_t usage_segments(void)
{
    char names[LINE_CAP] = "";
    char numbers[LINE_CAP] = "";
    FILE *file = fopen("/proc/net/snmp", "re");
    char *name = names;
    char *number = numbers;

    while (file != NULL && fgets(names, sizeof(names), file) != NULL &&
           fgets(numbers, sizeof(numbers), file) != NULL && strncmp(names, "Tcp:", 4) != 0) {
    }
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    while (name != NULL && number != NULL) {
        const char *word = strsep(&name, " \n");
        const char *value = strsep(&number, " \n");

        if (strcmp(word, "OutSegs") == 0) {
            return strtoull(value, NULL, 10);
        }
    }
    return 0;
}
