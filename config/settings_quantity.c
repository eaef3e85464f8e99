/*
 * Settings_quantity: decimal digits, and the units behind them.
 */
#include "config/settings_quantity.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS_MAX 18 /* cannot overflow 64 bits */

struct unit {
    const char *name;
    uint64_t factor;
};

/* Ascending: what is written uses the largest that divides the value. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {{"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};

static const struct unit *units_of(const struct setting *row, size_t *out_num)
{
    if (row->kind == SETTING_DURATION) {
        *out_num = sizeof(durations) / sizeof(durations[0]);
        return durations;
    }
    *out_num = sizeof(sizes) / sizeof(sizes[0]);
    return sizes;
}

bool settings_quantity_digits(const char *text, uint64_t *out_value, const char **out_rest)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t value = 0;

    if (digits == 0 || digits > NUMBER_DIGITS_MAX || (digits > 1 && text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out_value = value;
    *out_rest = text + digits;
    return true;
}

bool settings_quantity_read(const struct setting *row, const char *text, uint64_t *out_value)
{
    size_t num_units = 0;
    const struct unit *units = units_of(row, &num_units);
    const char *rest = NULL;
    uint64_t value = 0;

    if (row->min == 0 && strcmp(text, "off") == 0) {
        *out_value = 0;
        return true;
    }
    if (!settings_quantity_digits(text, &value, &rest)) {
        return false;
    }
    for (size_t i = 0; i < num_units; i++) {
        if (strcmp(rest, units[i].name) == 0 && value <= UINT64_MAX / units[i].factor) {
            *out_value = value * units[i].factor;
            return true;
        }
    }
    return false;
}

void settings_quantity_write(const struct setting *row, uint64_t value,
                             char out[static SETTINGS_VALUE_CAP])
{
    size_t i = 0;
    const struct unit *units = units_of(row, &i);

    if (value == 0) {
        snprintf(out, SETTINGS_VALUE_CAP, "off");
        return;
    }
    do {
        i--;
    } while (i > 0 && value % units[i].factor != 0);
    snprintf(out, SETTINGS_VALUE_CAP, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}
