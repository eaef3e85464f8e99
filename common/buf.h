/*
 * Buf: a byte buffer of fixed room.  It never grows: full means back-pressure or an error.
 *
 * The storage belongs to the caller and is borrowed; it must outlive the buf.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct buf {
    uint8_t *data; /* borrowed */
    size_t len;    /* bytes in use */
    size_t cap;    /* bytes of room */
};

/* An empty buffer over `storage`. */
struct buf buf_over(void *storage, size_t cap);

/* Bytes that still fit. */
size_t buf_room(const struct buf *buf);

/* Appends all of `data`, or nothing: false if it does not fit. */
MUST_CHECK bool buf_append(struct buf *buf, const void *data, size_t len);

/* Appends formatted text without its NUL, or nothing: false if it does not fit.  Needs room for the
   NUL all the same. */
MUST_CHECK bool buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);

/* Drops the first `len` bytes and moves the rest to the front; `len` <= buf->len. */
void buf_consume(struct buf *buf, size_t len);
