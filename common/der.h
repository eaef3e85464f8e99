/*
 * DER: a cursor over strict DER (X.690 section 10), for what must be judged on received bytes.
 *
 * OpenSSL's decoders accept BER and re-encode; this refuses long-form lengths that could be short,
 * indefinite lengths and multi-byte tags.  It never allocates, and borrows its input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/compiler.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_IA5_STRING = 0x16,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_0 = 0xa0, /* constructed; add n for [n] */
};

struct der {
    const uint8_t *data; /* next byte; borrowed */
    size_t len;          /* bytes left */
};

struct der_item {
    uint8_t tag;
    struct bytes content;
    struct bytes whole; /* tag, length and content, as received */
};

/* A cursor over `bytes`. */
struct der der_over(struct bytes bytes);

/* Takes the next item, whatever its tag.  False at the end or on bad DER: `out_item` untouched. */
MUST_CHECK bool der_any(struct der *der, struct der_item *out_item);

/* As der_any(), and false, without moving, if the next tag is not `tag`. */
MUST_CHECK bool der_take(struct der *der, uint8_t tag, struct der_item *out_item);

/* True if the next tag is `tag`. */
bool der_at(const struct der *der, uint8_t tag);

/* True if nothing is left. */
bool der_end(const struct der *der);

/* True if `item` is an OBJECT IDENTIFIER with exactly these content bytes. */
bool der_is_oid(const struct der_item *item, const void *oid, size_t oid_len);
