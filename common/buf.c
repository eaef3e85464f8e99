/*
 * Buf: appending to and consuming from a buffer of fixed room.
 */
#include "common/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct buf buf_over(void *storage, size_t cap)
{
    return (struct buf){.data = storage, .len = 0, .cap = cap};
}

size_t buf_room(const struct buf *buf)
{
    return buf->cap - buf->len;
}

bool buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len > buf_room(buf)) {
        return false;
    }
    if (len > 0) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
    return true;
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    size_t room = buf_room(buf);
    va_list args;
    int len = 0;

    va_start(args, format);
    len = vsnprintf((char *)buf->data + buf->len, room, format, args);
    va_end(args);
    /* vsnprintf writes a NUL, so text that fills the room exactly would lose its last byte. */
    if (len < 0 || (size_t)len >= room) {
        return false;
    }
    buf->len += (size_t)len;
    return true;
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len == 0) {
        return;
    }
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
}
