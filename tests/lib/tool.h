/*
 * Tool: the commands of liftgate-attest, run in the test's own process with both output streams in
 * a file.  The folder holds a simulated machine ("machine"), evidence from it ("evidence"), bound
 * to 0a0b, and a policy that names its root ("policy.ini", workloads "right" and "wrong").
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/lib/folder.h"
#include "tests/lib/vendor.h"

#define TOOL_MEASUREMENT                                                                           \
    "3f9a000000000000000000000000000000000000000000000000000000000000"                             \
    "00000000000000000000000000000000"
#define TOOL_OUTPUT_MAX 262144

struct tool {
    char folder[FOLDER_PATH_CAP];
    char vendor[VENDOR_PATH_CAP];
    char output[TOOL_OUTPUT_MAX]; /* of the last run */
};

/* For cmocka's groups: `*state` is a struct tool. */
int tool_set_up(void **state);
int tool_tear_down(void **state);

/* Runs one command; "@NAME" is a file in the folder.  Returns the exit code. */
int tool_run(struct tool *tool, int (*command)(int argc, char **argv), const char *const *args);

#define TOOL_RUN(tool, command, ...)                                                               \
    tool_run(tool, command, (const char *const[]){"command", __VA_ARGS__, NULL})

/* The last line of the output, without its line feed, which is removed. */
const char *tool_last_line(struct tool *tool);

/* Files in the folder; the caller frees what was read. */
void tool_write(const struct tool *tool, const char *name, const void *data, size_t len);
void tool_read(const struct tool *tool, const char *name, uint8_t **out_data, size_t *out_len);
