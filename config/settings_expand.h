/*
 * Settings_expand: ${NAME} in a value is the environment variable of that name.
 *
 * For what only the start knows, above all ${CREDENTIALS_DIRECTORY} of a service manager.  A lone $
 * is itself; what a variable holds is not expanded again.
 */
#pragma once

#include "common/compiler.h"
#include "common/ini.h"

struct err;

#define SETTINGS_EXPAND_CAP (INI_LINE_MAX + 1)

/* Writes the value of `text` with NUL.  ERR_INVALID: a variable that is unset, or no variable name,
   or a result that could not stand in a file. */
MUST_CHECK int settings_expand(const char *text, char out[static SETTINGS_EXPAND_CAP],
                               struct err *err);
