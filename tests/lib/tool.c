/*
 * Tool: redirects the streams around a command, and makes what most of its tests need.
 */
#include "tests/lib/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/command.h"
#include "common/err.h"
#include "common/file.h"

#define ARGS_MAX 24

static void tool_path(const struct tool *tool, const char *name,
                      char out[static FOLDER_PATH_CAP + 32])
{
    snprintf(out, FOLDER_PATH_CAP + 32, "%s/%s", tool->folder, name);
}

int tool_run(struct tool *tool, int (*command)(int argc, char **argv), const char *const *args)
{
    static char words[ARGS_MAX][FOLDER_PATH_CAP + 512];
    char path[FOLDER_PATH_CAP + 32];
    char *argv[ARGS_MAX + 1] = {NULL};
    int saved_out = dup(STDOUT_FILENO);
    int saved_err = dup(STDERR_FILENO);
    int argc = 0;
    int code = 0;
    int fd = -1;
    ssize_t len = 0;

    for (; args[argc] != NULL; argc++) {
        assert_true(argc < ARGS_MAX);
        if (args[argc][0] == '@') {
            snprintf(words[argc], sizeof(words[argc]), "%s/%s", tool->folder, args[argc] + 1);
        } else {
            snprintf(words[argc], sizeof(words[argc]), "%s", args[argc]);
        }
        argv[argc] = words[argc];
    }
    tool_path(tool, "output", path);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && saved_out >= 0 && saved_err >= 0);
    fflush(stdout);
    assert_true(dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    code = command(argc, argv);
    fflush(stdout);
    assert_true(dup2(saved_out, STDOUT_FILENO) >= 0 && dup2(saved_err, STDERR_FILENO) >= 0);
    len = pread(fd, tool->output, sizeof(tool->output) - 1, 0);
    assert_true(len >= 0);
    tool->output[len] = '\0';
    close(fd);
    close(saved_out);
    close(saved_err);
    return code;
}

const char *tool_last_line(struct tool *tool)
{
    size_t len = strlen(tool->output);
    const char *start = NULL;

    if (len > 0 && tool->output[len - 1] == '\n') {
        tool->output[len - 1] = '\0';
    }
    start = strrchr(tool->output, '\n');
    return start != NULL ? start + 1 : tool->output;
}

void tool_write(const struct tool *tool, const char *name, const void *data, size_t len)
{
    char path[FOLDER_PATH_CAP + 32];
    struct err err;

    tool_path(tool, name, path);
    assert_int_equal(file_replace(path, 0600, data, len, &err), 0);
}

void tool_read(const struct tool *tool, const char *name, uint8_t **out_data, size_t *out_len)
{
    char path[FOLDER_PATH_CAP + 32];
    struct err err;

    tool_path(tool, name, path);
    assert_int_equal(file_read(path, TOOL_OUTPUT_MAX, out_data, out_len, &err), 0);
}

/* A machine, evidence from it, a policy that names its root. */
int tool_set_up(void **state)
{
    struct tool *tool = calloc(1, sizeof(*tool));
    char policy[2048];
    int len = 0;

    assert_non_null(tool);
    folder_make(tool->folder);
    vendor_path("Sim", tool->vendor);
    assert_int_equal(TOOL_RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@machine",
                              "--measurement", TOOL_MEASUREMENT),
                     COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, collect_command, "--platform", "sim", "--machine", "@machine",
                              "--report-data", "0a0b", "-o", "@evidence"),
                     COMMAND_DONE);
    len = snprintf(policy, sizeof(policy),
                   "[ca]\ntrust_domain = test.example\nepoch = 1\n"
                   "[tcb sim]\nsnp = 1\n"
                   "[workload right]\ntee = sim\nmeasurement = " TOOL_MEASUREMENT "\ntcb = sim\n"
                   "spiffe = sim/right\n"
                   "[workload wrong]\ntee = sim\nmeasurement = ff%s\ntcb = sim\n"
                   "spiffe = sim/wrong\n"
                   "[platform sim]\ninsecure_root = %s/ark.pem\n",
                   &TOOL_MEASUREMENT[2], tool->vendor);
    tool_write(tool, "policy.ini", policy, (size_t)len);
    *state = tool;
    return 0;
}

int tool_tear_down(void **state)
{
    struct tool *tool = *state;

    folder_remove(tool->folder);
    free(tool);
    return 0;
}
