/*
 * Config_check_paths: where routes lead: none back to its own listener, by way of others or not.
 */
#pragma once

#include "common/compiler.h"
#include "config/settings.h"

struct config;
struct err;

/* A part of config_check(), and to be called in the same way.  Sees addresses; where a name leads,
   only a look-up knows. */
MUST_CHECK int config_check_paths(const struct config *config, const struct settings_source *source,
                                  struct err *err);
