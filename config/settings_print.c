/*
 * Settings_print: effective settings as a file, and the table as help text.
 */
#include "config/settings.h"

#include <string.h>

#include "common/err.h"
#include "config/settings_describe.h"
#include "config/settings_value.h"

static void print_section(const struct settings_table *table, const struct setting_section *section,
                          const uint8_t *base, FILE *out)
{
    if (section->max > 0) {
        fprintf(out, "[%s %s]\n", section->kind, (const char *)base);
    } else {
        fprintf(out, "[%s]\n", section->kind);
    }
    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        const void *field = base + row->offset;
        char value[SETTINGS_VALUE_CAP];

        if (strcmp(row->section, section->kind) != 0) {
            continue;
        }
        for (size_t j = 0; j < settings_value_count(row, field); j++) {
            settings_value_write(row, field, j, value);
            fprintf(out, "%s = %s\n", row->key, value);
        }
    }
}

int settings_print(const struct settings_table *table, const void *whole, FILE *out,
                   struct err *err)
{
    for (size_t i = 0; i < table->num_sections; i++) {
        const struct setting_section *section = &table->sections[i];
        const uint8_t *base = NULL;
        size_t num = settings_value_sections(section, whole, &base);

        for (size_t j = 0; j < num; j++) {
            print_section(table, section, base + j * section->size, out);
            fputc('\n', out);
        }
    }
    return fflush(out) != 0 || ferror(out) != 0 ? err_set(err, ERR_IO, "cannot write the settings")
                                                : 0;
}

void settings_help(const struct settings_table *table, FILE *out)
{
    for (size_t i = 0; i < table->num_sections; i++) {
        const struct setting_section *section = &table->sections[i];

        fprintf(out, "[%s%s] %s\n", section->kind, section->max > 0 ? " NAME" : "", section->help);
        for (size_t j = 0; j < table->num_rows; j++) {
            const struct setting *row = &table->rows[j];
            char need[SETTINGS_VALUE_CAP];

            if (strcmp(row->section, section->kind) != 0) {
                continue;
            }
            settings_describe(row, need);
            fprintf(out, "  %-24s %s: %s", row->key, row->help, need);
            if (row->fallback != NULL) {
                fprintf(out, " [%s]", row->fallback);
            }
            fprintf(out, "%s%s%s\n", (row->flags & SETTING_REQUIRED) != 0 ? " (required)" : "",
                    (row->flags & SETTING_LIST) != 0 ? " (may repeat)" : "",
                    (row->flags & SETTING_RESTART) != 0 ? " (needs a restart)" : "");
        }
        fputc('\n', out);
    }
}
