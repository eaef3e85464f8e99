/*
 * Settings_expand: environment variables in values.
 */
#include "config/settings_expand.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define NAME_MAX_LEN 64 /* bytes of a variable's name */

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* What a file may hold, so that the settings can be printed and read again. */
static bool is_value(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\'' || *text == ';') {
            return false;
        }
    }
    return true;
}

/* The value of the variable whose name stands at `name`; NULL with `err`. */
static const char *find_variable(const char *name, size_t len, struct err *err)
{
    char copy[NAME_MAX_LEN + 1] = "";
    const char *value = NULL;

    if (len == 0 || len > NAME_MAX_LEN || strspn(name, name_chars) < len) {
        err_set(err, ERR_INVALID, "need ${NAME} of letters, digits and _");
        return NULL;
    }
    memcpy(copy, name, len);
    value = getenv(copy);
    if (value == NULL) {
        err_set(err, ERR_INVALID, "the environment has no %s", copy);
    } else if (!is_value(value)) {
        err_set(err, ERR_INVALID, "%s holds what no value may hold", copy);
        value = NULL;
    }
    return value;
}

int settings_expand(const char *text, char out[static SETTINGS_EXPAND_CAP], struct err *err)
{
    char result[SETTINGS_EXPAND_CAP] = "";
    size_t used = 0;

    while (*text != '\0') {
        const char *piece = text;
        size_t len = strcspn(text + 1, "$") + 1; /* up to the next one */

        if (strncmp(text, "${", 2) == 0) {
            size_t name_len = strcspn(text + 2, "}");

            if (text[2 + name_len] == '\0') {
                return err_set(err, ERR_INVALID, "${ without }");
            }
            piece = find_variable(text + 2, name_len, err);
            if (piece == NULL) {
                return -1;
            }
            text += 2 + name_len + 1;
            len = strlen(piece);
        } else {
            text += len;
        }
        if (len > sizeof(result) - 1 - used) {
            return err_set(err, ERR_INVALID, "too long");
        }
        memcpy(result + used, piece, len);
        used += len;
    }
    if (used == 0 || strchr(" \t", result[0]) != NULL || strchr(" \t", result[used - 1]) != NULL) {
        return err_set(err, ERR_INVALID, "is empty, or begins or ends with a blank");
    }
    memcpy(out, result, used + 1);
    return 0;
}
