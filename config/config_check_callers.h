/*
 * Config_check_callers: what holds between the settings that say who may use a route, and for what
 * place it stands in.
 */
#pragma once

#include "common/compiler.h"
#include "config/settings.h"

struct config;
struct err;

/* A part of config_check(), and to be called in the same way. */
MUST_CHECK int config_check_callers(const struct config *config,
                                    const struct settings_source *source, struct err *err);
