/*
 * Command: how the subcommands say that they were called wrongly or could not do it.
 */
#include "attest/command.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/err.h"

int command_usage(const char *format, ...)
{
    va_list args;

    fputs(COMMAND_PROGRAM ": ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return COMMAND_USAGE;
}

int command_error(const char *what, const struct err *err)
{
    fprintf(stderr, COMMAND_PROGRAM ": %s: %s\n", what, err->msg);
    return err->code == ERR_INVALID ? COMMAND_USAGE : COMMAND_FAILED;
}
