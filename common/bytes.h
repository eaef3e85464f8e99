/*
 * Bytes: a borrowed view of read-only memory.  It owns nothing; what it points to must outlive it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* NULL: absent */
    size_t len;
};

/* True if both are there and the same.  Not for secrets: it takes as long as they agree. */
static inline bool bytes_same(struct bytes a, struct bytes b)
{
    return a.data != NULL && b.data != NULL && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}
