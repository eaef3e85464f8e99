/*
 * Cookie: the walk over the pairs.
 */
#include "ca/cookie.h"

#include <string.h>

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

size_t cookie_find(struct bytes field, const char *name, struct bytes *out_value)
{
    size_t name_len = strlen(name);
    size_t num = 0;

    while (field.len > 0) {
        const uint8_t *semicolon = memchr(field.data, ';', field.len);
        size_t len = semicolon != NULL ? (size_t)(semicolon - field.data) : field.len;
        struct bytes pair = trim((struct bytes){field.data, len});

        if (pair.len > name_len && memcmp(pair.data, name, name_len) == 0 &&
            pair.data[name_len] == '=') {
            if (num++ == 0) {
                *out_value = (struct bytes){pair.data + name_len + 1, pair.len - name_len - 1};
            }
        }
        len += semicolon != NULL ? 1 : 0;
        field.data += len;
        field.len -= len;
    }
    return num;
}
