/*
 * Dns_name: labels of letters, digits and hyphens.
 */
#include "common/dns_name.h"

#include <stddef.h>
#include <strings.h>

#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool label_valid(struct bytes label)
{
    if (label.len < 1 || label.len > DNS_LABEL_MAX || !is_alphanumeric(label.data[0]) ||
        !is_alphanumeric(label.data[label.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alphanumeric(label.data[i]) && label.data[i] != '-') {
            return false;
        }
    }
    return true;
}

bool dns_name_valid(struct bytes name)
{
    size_t start = 0;

    if (name.len > DNS_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.data[i] != '.') {
            continue;
        }
        if (!label_valid((struct bytes){name.data + start, i - start})) {
            return false;
        }
        start = i + 1;
    }
    return true;
}

bool dns_name_same(struct bytes left, struct bytes right)
{
    return left.len == right.len &&
           strncasecmp((const char *)left.data, (const char *)right.data, left.len) == 0;
}
