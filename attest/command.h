/*
 * Command: the subcommands of liftgate-attest.  Each takes its own argument vector (argv[0] is its
 * name), writes to standard output and error, and returns the exit code of the program.
 */
#pragma once

#include "common/compiler.h"

struct err;

#define COMMAND_PROGRAM "liftgate-attest"

enum command_exit {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1,  /* could not be done */
    COMMAND_USAGE = 2,   /* wrong usage or a bad policy */
    COMMAND_REFUSED = 3, /* verification or policy said no */
};

int collect_command(int argc, char **argv);
int idblock_command(int argc, char **argv); /* measure id-block */
int inspect_command(int argc, char **argv);
int measure_command(int argc, char **argv);
int sim_command(int argc, char **argv);
int verify_command(int argc, char **argv);

/* Writes "liftgate-attest: TEXT" to standard error and returns COMMAND_USAGE. */
int command_usage(const char *format, ...) PRINTF(1, 2);

/* Writes "liftgate-attest: WHAT: why"; ERR_INVALID, which only the command line or a file it names
   can cause here, gives COMMAND_USAGE, everything else COMMAND_FAILED. */
int command_error(const char *what, const struct err *err);
