/*
 * Bytes: a borrowed view of read-only memory.  It owns nothing; what it points to must outlive it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *data; /* NULL: absent */
    size_t len;
};
