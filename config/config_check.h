/*
 * Config_check: what holds between the sidecar's settings.
 */
#pragma once

#include "config/settings.h"

/* The `check` of the sidecar's table; also fills in what a section takes from [limits], and
   `platform` where it is not asked. */
int config_check(void *whole, const struct settings_source *source, struct err *err);
