/*
 * Settings_insecure: which of the keys that are spelled so are in use.
 */
#include "config/settings.h"

#include <string.h>

#include "config/settings_value.h"

/* Keys of a section that a file would have to give: set, and not to "no". */
static bool in_use(const struct setting *row, const uint8_t *section)
{
    char value[SETTINGS_VALUE_CAP];

    if (settings_value_count(row, section + row->offset) == 0) {
        return false;
    }
    settings_value_write(row, section + row->offset, 0, value);
    return strcmp(value, "no") != 0;
}

unsigned settings_insecure(const struct settings_table *table, const void *whole,
                           settings_insecure_found *found)
{
    unsigned total = 0;

    for (size_t i = 0; i < table->num_sections; i++) {
        const struct setting_section *section = &table->sections[i];
        const uint8_t *base = NULL;
        size_t num = settings_value_sections(section, whole, &base);

        for (size_t j = 0; j < num * table->num_rows; j++) {
            const struct setting *row = &table->rows[j % table->num_rows];
            const uint8_t *here = base + j / table->num_rows * section->size;

            if (strcmp(row->section, section->kind) == 0 &&
                strncmp(row->key, "insecure_", strlen("insecure_")) == 0 && in_use(row, here)) {
                total++;
                if (found != NULL) {
                    found(section->kind, section->max > 0 ? (const char *)here : "", row->key);
                }
            }
        }
    }
    return total;
}
