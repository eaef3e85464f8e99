/*
 * Config_reload: which settings may change in a running process.  Compares by the table, so that a
 * new key counts as fixed until it is said here that it is not.
 */
#include "config/config.h"

#include <string.h>

#include "common/err.h"
#include "config/settings_value.h"

static bool may_change(const struct setting *row)
{
    return strcmp(row->section, "peer") == 0 || strcmp(row->section, "log") == 0 ||
           strcmp(row->key, "allow") == 0 || strcmp(row->key, "expect") == 0 ||
           strcmp(row->key, "deny_file") == 0;
}

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

/* One section; `name` is NULL for one without. */
static int compare_section(const char *kind, const char *name, const void *left, const void *right,
                           struct err *err)
{
    const struct settings_table *table = config_table();

    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];

        if (strcmp(row->section, kind) == 0 && !may_change(row) && !same_value(row, left, right)) {
            return err_set(err, ERR_INVALID, "[%s%s%s] %s: a change needs a restart", kind,
                           name != NULL ? " " : "", name != NULL ? name : "", row->key);
        }
    }
    return 0;
}

int config_check_reload(const struct config *current, const struct config *next, struct err *err)
{
    if (compare_section("identity", NULL, &current->identity, &next->identity, err) != 0 ||
        compare_section("limits", NULL, &current->limits, &next->limits, err) != 0 ||
        compare_section("process", NULL, &current->process, &next->process, err) != 0 ||
        compare_section("admin", NULL, &current->admin, &next->admin, err) != 0) {
        return -1;
    }
    if (current->num_ingresses != next->num_ingresses ||
        current->num_egresses != next->num_egresses) {
        return err_set(err, ERR_INVALID, "a route more or less needs a restart");
    }
    for (size_t i = 0; i < current->num_ingresses; i++) {
        const struct config_ingress *left = &current->ingresses[i];
        const struct config_ingress *right = &next->ingresses[i];

        if (strcmp(left->name, right->name) != 0) {
            return err_set(err, ERR_INVALID, "[ingress %s]: another name or order needs a restart",
                           right->name);
        }
        if (compare_section("ingress", left->name, left, right, err) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < current->num_egresses; i++) {
        const struct config_egress *left = &current->egresses[i];
        const struct config_egress *right = &next->egresses[i];

        if (strcmp(left->name, right->name) != 0) {
            return err_set(err, ERR_INVALID, "[egress %s]: another name or order needs a restart",
                           right->name);
        }
        if (compare_section("egress", left->name, left, right, err) != 0) {
            return -1;
        }
    }
    return 0;
}
