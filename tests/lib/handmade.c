/*
 * Handmade: heads and parts, one behind the other.
 */
#include "tests/lib/handmade.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void append(struct buf *out, const void *data, size_t len)
{
    assert_true(buf_append(out, data, len));
}

void handmade_head(struct buf *out, uint8_t tag, size_t len)
{
    const uint8_t brief[] = {tag, (uint8_t)len};
    const uint8_t middle[] = {tag, 0x81, (uint8_t)len};
    const uint8_t wide[] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};

    assert_true(len <= 0xffff);
    if (len < 0x80) {
        append(out, brief, sizeof(brief));
    } else if (len < 0x100) {
        append(out, middle, sizeof(middle));
    } else {
        append(out, wide, sizeof(wide));
    }
}

struct bytes handmade_signed(const struct bytes *parts, size_t num_parts, struct bytes signature,
                             struct buf *out)
{
    static const uint8_t algorithm[] = {0x30, 0x02, 0x05, 0x00};
    static uint8_t storage[HANDMADE_LEN_MAX];
    struct buf inner = buf_over(storage, sizeof(storage));
    size_t len = 0;

    for (size_t i = 0; i < num_parts; i++) {
        len += parts[i].len;
    }
    handmade_head(&inner, 0x30, len);
    for (size_t i = 0; i < num_parts; i++) {
        append(&inner, parts[i].data, parts[i].len);
    }
    append(&inner, algorithm, sizeof(algorithm));
    append(&inner, signature.data, signature.len);
    out->len = 0;
    handmade_head(out, 0x30, inner.len);
    append(out, inner.data, inner.len);
    return (struct bytes){out->data, out->len};
}
