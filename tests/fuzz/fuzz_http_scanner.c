/*
 * Fuzz http_scanner: the scanner with the whole-message parser behind it.  The first byte chooses
 * requests or responses, the second where the input is cut; however it is cut, the result must be
 * the same.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/http1.h"

#define MESSAGES_MAX 8

static enum http1_status feed(struct http1 *http, struct bytes *in, size_t step)
{
    enum http1_status status = HTTP1_MORE;

    while (status == HTTP1_MORE && in->len > 0) {
        struct bytes piece = {.data = in->data, .len = step < in->len ? step : in->len};

        status = http1_feed(http, &piece);
        assert(status != HTTP1_MORE || piece.len == 0);
        in->len -= (size_t)(piece.data - in->data);
        in->data = piece.data;
    }
    return status;
}

static void compare(const struct http1 *a, const struct http1 *b, enum http1_status status)
{
    if (status == HTTP1_REFUSED) {
        assert(http1_refusal_status(a) == http1_refusal_status(b));
        assert(http1_refusal_reason(a) != NULL);
        assert(strcmp(http1_refusal_reason(a), http1_refusal_reason(b)) == 0);
    }
    if (status != HTTP1_DONE) {
        return;
    }
    assert(http1_body(a).len == http1_body(b).len);
    assert(memcmp(http1_body(a).data, http1_body(b).data, http1_body(a).len) == 0);
    assert(http1_keep_alive(a) == http1_keep_alive(b));
    assert(http1_num_headers(a) == http1_num_headers(b));
    for (size_t i = 0; i < http1_num_headers(a); i++) {
        const struct http1_header *header = http1_header_at(a, i);

        assert(header->name.len > 0);
        assert(memchr(header->value.data, '\n', header->value.len) == NULL);
        assert(memchr(header->value.data, '\r', header->value.len) == NULL);
        assert(header->value.len == http1_header_at(b, i)->value.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct http1_limits limits = {.head_max = 1024, .body_max = 256};
    struct http1 *whole = NULL;
    struct http1 *cut = NULL;
    struct bytes a;
    struct bytes b;

    if (len < 2) {
        return 0;
    }
    whole = http1_new((data[0] & 1) != 0, &limits);
    cut = http1_new((data[0] & 1) != 0, &limits);
    assert(whole != NULL && cut != NULL);
    a = (struct bytes){.data = data + 2, .len = len - 2};
    b = a;
    for (int i = 0; i < MESSAGES_MAX; i++) {
        enum http1_status status = feed(whole, &a, len);

        assert(feed(cut, &b, (size_t)data[1] + 1) == status);
        assert(status == HTTP1_REFUSED || a.len == b.len);
        if (status == HTTP1_MORE) {
            status = http1_eof(whole);
            assert(http1_eof(cut) == status);
        }
        compare(whole, cut, status);
        if (status != HTTP1_DONE || a.len == 0) {
            break;
        }
        http1_reset(whole);
        http1_reset(cut);
    }
    http1_free(whole);
    http1_free(cut);
    return 0;
}
