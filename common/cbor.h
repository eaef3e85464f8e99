/*
 * Cbor: a strict pull reader and a deterministic writer (RFC 8949 section 4.2.1).
 *
 * The reader wraps libcbor's stream decoder, one item a call: definite lengths, shortest heads,
 * no floats, null or booleans; tags are items of their own; strings are borrowed; it never
 * allocates.  It does not check that text is UTF-8: compare it, or check it, before it is shown.
 * libcbor's cbor_load() is used nowhere: it allocates what six hostile bytes ask for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

#define CBOR_SKIP_DEPTH_MAX 16

enum cbor_kind { CBOR_UINT, CBOR_NINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG };

struct cbor_item {
    enum cbor_kind kind;
    uint64_t num;        /* value; NINT: -1 - num; arrays, maps: the count; tags: the number */
    struct bytes string; /* bytes and text: borrowed */
};

struct cbor_reader {
    const uint8_t *data; /* borrowed */
    size_t len;          /* bytes left */
};

struct cbor_reader cbor_over(struct bytes bytes);

/* Takes the next item's head (and the string behind it).  False, without moving, at the end or on
   anything that is not strict; `out_item` untouched. */
MUST_CHECK bool cbor_next(struct cbor_reader *reader, struct cbor_item *out_item);

/* As cbor_next(), and false, without moving, if the item is of another kind. */
MUST_CHECK bool cbor_take(struct cbor_reader *reader, enum cbor_kind kind,
                          struct cbor_item *out_item);

/* Skips one whole item, nested at most `depth_max` (1 to CBOR_SKIP_DEPTH_MAX) deep.  False on
   anything that is not strict, or deeper; the reader is then spent. */
MUST_CHECK bool cbor_skip(struct cbor_reader *reader, unsigned depth_max);

bool cbor_end(const struct cbor_reader *reader);

/* Writers: the caller emits map keys in sorted order.  False if it does not fit. */
MUST_CHECK bool cbor_put_uint(struct buf *out, uint64_t value);
MUST_CHECK bool cbor_put_int(struct buf *out, int64_t value);
MUST_CHECK bool cbor_put_bytes(struct buf *out, struct bytes bytes);
MUST_CHECK bool cbor_put_text(struct buf *out, const char *text);
MUST_CHECK bool cbor_put_text_bytes(struct buf *out, struct bytes text);
MUST_CHECK bool cbor_put_array(struct buf *out, size_t num_items);
MUST_CHECK bool cbor_put_map(struct buf *out, size_t num_pairs);
MUST_CHECK bool cbor_put_tag(struct buf *out, uint64_t tag);

/* Of libcbor; static text. */
const char *cbor_library_version(void);
