/*
 * Little endian: numbers as reports, tables, firmware and the secure processor hold them.
 *
 * A length is 1 to 8 bytes.  Whether there are as many is for the caller to know.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint64_t little_endian_read(const uint8_t *from, size_t len)
{
    uint64_t value = 0;

    for (size_t i = len; i-- > 0;) {
        value = value << 8 | from[i];
    }
    return value;
}

static inline uint32_t little_endian_u32(const uint8_t *from)
{
    return (uint32_t)little_endian_read(from, 4);
}

/* Writes the low `len` bytes of `value`. */
static inline void little_endian_write(uint8_t *to, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}
