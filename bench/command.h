/*
 * Command: somebody else's load generator, run once, and what it says about a target.
 *
 * Reading its output is pure; running it blocks until it ends.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;

#define COMMAND_FIGURES_MAX 24
#define COMMAND_NAME_CAP 48
#define COMMAND_WORDS_MAX 64
#define COMMAND_OUTPUT_MAX (256 * 1024) /* bytes */

struct command_figure {
    char
        name[COMMAND_NAME_CAP]; /* p50, p99, operations; behind a dot the test, if there are more */
    double value;               /* us, or a second */
};

struct command_report {
    struct command_figure figures[COMMAND_FIGURES_MAX];
    size_t num;
    uint64_t operations; /* in all; 0: it does not say */
};

enum command_kind { COMMAND_REDIS, COMMAND_PGBENCH, COMMAND_WRK };

/* By the last part of the first word.  ERR_INVALID. */
MUST_CHECK int command_kind(const char *line, enum command_kind *out, struct err *err);

/* What `output` (NUL-terminated) says.  ERR_INVALID: no figure is in it. */
MUST_CHECK int command_read(enum command_kind kind, const char *line, const char *output,
                            struct command_report *out, struct err *err);

/* Runs `line` against `address` and reads what it wrote; `out_elapsed_ns` is how long it ran.
   Blocks.  ERR_IO: it cannot be run, or failed; ERR_INVALID as above. */
MUST_CHECK int command_run(const char *line, const struct sockets_address *address,
                           struct command_report *out, uint64_t *out_elapsed_ns, struct err *err);
