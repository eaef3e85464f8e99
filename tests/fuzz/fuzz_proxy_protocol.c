/*
 * Fuzz proxy_protocol: a header is judged the same whether it comes at once or in pieces, and never
 * asks for a byte behind itself.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "common/err.h"
#include "proxy/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proxy_protocol_addresses whole = {.source = {.len = 0}};
    struct err err = {0};
    size_t whole_len = 0;
    enum proxy_protocol_status status =
        proxy_protocol_read((struct bytes){data, len}, &whole, &whole_len, &err);
    size_t step = 0;

    assert(status != PROXY_PROTOCOL_BAD || err.msg[0] != '\0');
    assert(status != PROXY_PROTOCOL_DONE || whole_len <= len);
    assert(status != PROXY_PROTOCOL_MORE || whole_len > len);
    assert(whole_len <= PROXY_PROTOCOL_MAX);
    /* As the data path reads: up to what is known to belong to it. */
    for (;;) {
        struct proxy_protocol_addresses piece = {.source = {.len = 0}};
        size_t need = 0;
        enum proxy_protocol_status part =
            proxy_protocol_read((struct bytes){data, step}, &piece, &need, &err);

        if (part != PROXY_PROTOCOL_MORE || step == len) {
            assert(part == status);
            assert(part == PROXY_PROTOCOL_BAD || need == whole_len);
            assert(part != PROXY_PROTOCOL_DONE || memcmp(&piece, &whole, sizeof(piece)) == 0);
            break;
        }
        assert(need > step);
        step = need < len ? need : len;
    }
    return 0;
}
