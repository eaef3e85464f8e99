/*
 * Config_reload: which settings must not change in a running process.  Compares by the table, so
 * that a new key of these sections counts as fixed until it is said here that it is not.
 */
#include "config/config.h"

#include <string.h>

#include "common/err.h"
#include "config/settings_value.h"

/* Both as written in a file; absent is no value at all. */
static bool same_value(const struct setting *row, const uint8_t *left, const uint8_t *right)
{
    size_t num = settings_value_count(row, left + row->offset);

    if (num != settings_value_count(row, right + row->offset)) {
        return false;
    }
    for (size_t i = 0; i < num; i++) {
        char a[SETTINGS_VALUE_CAP];
        char b[SETTINGS_VALUE_CAP];

        settings_value_write(row, left + row->offset, i, a);
        settings_value_write(row, right + row->offset, i, b);
        if (strcmp(a, b) != 0) {
            return false;
        }
    }
    return true;
}

static int compare_section(const char *kind, const void *left, const void *right, struct err *err)
{
    const struct settings_table *table = config_table();

    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];

        if (strcmp(row->section, kind) == 0 && strcmp(row->key, "deny_file") != 0 &&
            !same_value(row, left, right)) {
            return err_set(err, ERR_INVALID, "[%s] %s: a change needs a restart", kind, row->key);
        }
    }
    return 0;
}

int config_check_reload(const struct config *current, const struct config *next, struct err *err)
{
    if (compare_section("identity", &current->identity, &next->identity, err) != 0 ||
        compare_section("process", &current->process, &next->process, err) != 0) {
        return -1;
    }
    return 0;
}
