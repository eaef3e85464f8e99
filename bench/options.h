/*
 * Options: the command line of liftgate-bench.  One table row per option, as for a program's
 * settings, so that values are written and bounded the same way.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bench/exchange.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct err;

#define OPTIONS_TARGETS_MAX 8

struct options_target {
    const char *name; /* borrowed from the command line; not NUL-terminated */
    size_t name_len;
    struct sockets_address address;
};

struct options {
    enum exchange_protocol protocol;
    uint64_t connections;
    uint64_t size; /* bytes of payload */
    uint64_t rounds;
    uint64_t warm_up; /* ms, of each round */
    uint64_t time;    /* ms, of all rounds together */
    struct options_target targets[OPTIONS_TARGETS_MAX];
    size_t num_targets; /* at least 1 */
};

/* Reads what stands behind the subcommand.  ERR_INVALID: "what: why". */
MUST_CHECK int options_parse(int argc, char **argv, struct options *out_options, struct err *err);

/* The lines that --help prints about the options; the caller frees them.  NULL: out of memory. */
char *options_help(void);
