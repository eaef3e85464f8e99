/*
 * Settings_value: one value from its text into its field and back, by the kind of its row.
 */
#pragma once

#include <stddef.h>

#include "common/compiler.h"
#include "config/settings.h"

/* Reads `text`; a list's item is appended with its `line`.  ERR_INVALID says what is needed, the
   field is untouched then. */
MUST_CHECK int settings_value_read(const struct setting *row, const char *text, unsigned line,
                                   void *field, struct err *err);

/* How many values the field has: 0 for an absent one, 1, or a list's length. */
size_t settings_value_count(const struct setting *row, const void *field);

/* Writes value `i` as it stands in a file. */
void settings_value_write(const struct setting *row, const void *field, size_t i,
                          char out[static SETTINGS_VALUE_CAP]);

/* Frees what the field owns. */
void settings_value_clear(const struct setting *row, void *field);

/* How many sections of a kind `whole` has, and where the struct of the first one is. */
size_t settings_value_sections(const struct setting_section *section, const void *whole,
                               const uint8_t **out_first);
