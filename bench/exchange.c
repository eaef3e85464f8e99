/*
 * Exchange: the bytes of each protocol.
 */
#include "bench/exchange.h"

#include <assert.h>

#include "common/buf.h"

static bool put_payload(struct buf *buf, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t letter = (uint8_t)('a' + i % 26);

        if (!buf_append(buf, &letter, 1)) {
            return false;
        }
    }
    return true;
}

void exchange_init(struct exchange *exchange, enum exchange_protocol protocol, size_t size)
{
    struct buf request = buf_over(exchange->request, sizeof(exchange->request));
    struct buf reply = buf_over(exchange->reply, sizeof(exchange->reply));
    bool fits = false;

    assert(size >= 1 && size <= EXCHANGE_SIZE_MAX);
    switch (protocol) {
    case EXCHANGE_ECHO:
        fits = put_payload(&request, size) && put_payload(&reply, size);
        break;
    case EXCHANGE_REDIS:
        fits = buf_printf(&request, "*2\r\n$4\r\nPING\r\n$%zu\r\n", size) &&
               put_payload(&request, size) && buf_append(&request, "\r\n", 2) &&
               buf_printf(&reply, "$%zu\r\n", size) && put_payload(&reply, size) &&
               buf_append(&reply, "\r\n", 2);
        break;
    }
    assert(fits);
    exchange->request_len = request.len;
    exchange->reply_len = reply.len;
}
