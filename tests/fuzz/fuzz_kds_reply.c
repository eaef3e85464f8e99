/*
 * Fuzz: an answer of the key service.  The first bytes say which thing was asked for, the status
 * and how long its field Retry-After is; the rest is that field and the body.
 */
#include <stdlib.h>

#include "ca/kds_reply.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const unsigned statuses[] = {200, 200, 200, 404, 429, 503};
    static uint8_t storage[VENDOR_DATA_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    struct kds_response response = {0};
    struct kds_reply reply;
    size_t field = 0;

    if (len < 3) {
        return 0;
    }
    field = data[2] % 64 < len - 3 ? data[2] % 64 : len - 3;
    response.status = statuses[data[1] % 6];
    response.retry_after = (struct bytes){data + 3, field};
    response.content_type = response.retry_after;
    response.body = (struct bytes){data + 3 + field, len - 3 - field};
    reply = kds_reply_judge((enum vendor_kind)(data[0] % 3), &response, 1790000000, &out);
    if ((reply.outcome == KDS_GIVEN) != (out.len > 0) || reply.retry_ms > KDS_RETRY_MAX_MS) {
        abort();
    }
    return 0;
}
