/*
 * Handmade: signed things of X.509 put together from the bytes of their parts, whatever those are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

/* A `struct bytes` of a string's bytes without its NUL. */
#define HANDMADE(text)                                                                             \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

#define HANDMADE_LEN_MAX 66560

/* Appends `tag` and the shortest form of `len`, at most 65535. */
void handmade_head(struct buf *out, uint8_t tag, size_t len);

/* SEQUENCE { SEQUENCE { parts }, an AlgorithmIdentifier, `signature` }, which then is all that
   `out` holds; whatever does not fit fails the test. */
struct bytes handmade_signed(const struct bytes *parts, size_t num_parts, struct bytes signature,
                             struct buf *out);
