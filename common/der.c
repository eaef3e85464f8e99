/*
 * DER: the cursor.  Lengths are checked before any arithmetic that uses them.
 */
#include "common/der.h"

#include <string.h>

struct der der_over(struct bytes bytes)
{
    return (struct der){.data = bytes.data, .len = bytes.len};
}

/* Reads the length octets behind the tag: false if not minimal, indefinite or over 32 bits. */
static bool read_length(const struct der *der, size_t *out_head, size_t *out_content)
{
    size_t num_octets = 0;
    size_t len = 0;

    if (der->len < 2) {
        return false;
    }
    if (der->data[1] < 0x80) {
        *out_head = 2;
        *out_content = der->data[1];
        return true;
    }
    num_octets = der->data[1] & 0x7fU;
    if (num_octets == 0 || num_octets > 4 || der->len < 2 + num_octets || der->data[2] == 0) {
        return false;
    }
    for (size_t i = 0; i < num_octets; i++) {
        len = len << 8 | der->data[2 + i];
    }
    if (len < 0x80) {
        return false;
    }
    *out_head = 2 + num_octets;
    *out_content = len;
    return true;
}

bool der_any(struct der *der, struct der_item *out_item)
{
    size_t head = 0;
    size_t content = 0;

    if (!read_length(der, &head, &content) || content > der->len - head) {
        return false;
    }
    if ((der->data[0] & 0x1f) == 0x1f) {
        return false; /* multi-byte tag: nothing we read has one */
    }
    *out_item = (struct der_item){
        .tag = der->data[0],
        .content = {der->data + head, content},
        .whole = {der->data, head + content},
    };
    der->data += head + content;
    der->len -= head + content;
    return true;
}

bool der_at(const struct der *der, uint8_t tag)
{
    return der->len > 0 && der->data[0] == tag;
}

bool der_take(struct der *der, uint8_t tag, struct der_item *out_item)
{
    return der_at(der, tag) && der_any(der, out_item);
}

bool der_end(const struct der *der)
{
    return der->len == 0;
}

bool der_is_oid(const struct der_item *item, const void *oid, size_t oid_len)
{
    return item->tag == DER_OID && item->content.len == oid_len &&
           memcmp(item->content.data, oid, oid_len) == 0;
}
