/*
 * Settings_quantity: numbers as settings write them, plain or with a unit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/settings.h"

/* Reads decimal digits without leading zero; `out_rest` is what follows them. */
bool settings_quantity_digits(const char *text, uint64_t *out_value, const char **out_rest);

/* Reads a number with one of the units of the row's kind, to milliseconds or bytes; "off" is 0 if
   the row has no minimum.  Bounds are the caller's. */
bool settings_quantity_read(const struct setting *row, const char *text, uint64_t *out_value);

/* Writes it with the largest unit that divides it. */
void settings_quantity_write(const struct setting *row, uint64_t value,
                             char out[static SETTINGS_VALUE_CAP]);
