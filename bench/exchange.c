/*
 * Exchange: the bytes of each protocol.
 */
#include "bench/exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define AROUND 128 /* bytes around a payload, at most */

/* A new allocation: `before`, `size` bytes of the pattern, `after`. */
static uint8_t *wrap(const char *before, size_t size, const char *after, size_t *out_len)
{
    size_t head = strlen(before);
    size_t tail = strlen(after);
    uint8_t *text = malloc(head + size + tail + 1);

    if (text != NULL) {
        memcpy(text, before, head);
        frame_pattern(text + head, size, 0);
        memcpy(text + head + size, after, tail);
        *out_len = head + size + tail;
    }
    return text;
}

int exchange_init(struct exchange *exchange, enum exchange_protocol protocol, size_t request_size,
                  size_t reply_size, struct err *err)
{
    char before[AROUND] = "";
    char reply[AROUND] = "";
    const char *after = "";

    assert(request_size <= EXCHANGE_SIZE_MAX && reply_size <= EXCHANGE_SIZE_MAX);
    *exchange = (struct exchange){.has_head = protocol == EXCHANGE_HTTP};
    switch (protocol) {
    case EXCHANGE_FRAME:
        break;
    case EXCHANGE_ECHO:
        reply_size = request_size;
        break;
    case EXCHANGE_REDIS:
        reply_size = request_size;
        after = "\r\n";
        (void)snprintf(before, sizeof(before), "*2\r\n$4\r\nPING\r\n$%zu\r\n", request_size);
        (void)snprintf(reply, sizeof(reply), "$%zu\r\n", request_size);
        break;
    case EXCHANGE_HTTP:
        if (request_size > 0) {
            (void)snprintf(before, sizeof(before),
                           "POST /%zu HTTP/1.1\r\nHost: bench\r\nContent-Length: %zu\r\n\r\n",
                           reply_size, request_size);
        } else {
            (void)snprintf(before, sizeof(before), "GET /%zu HTTP/1.1\r\nHost: bench\r\n\r\n",
                           reply_size);
        }
        break;
    }
    exchange->request = wrap(before, request_size, after, &exchange->request_len);
    exchange->reply = wrap(reply, reply_size, after, &exchange->reply_len);
    if (exchange->request == NULL || exchange->reply == NULL) {
        exchange_deinit(exchange);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    if (protocol == EXCHANGE_FRAME) {
        const struct frame frame = {.request_len = (uint32_t)request_size,
                                    .reply_len = (uint32_t)reply_size};

        assert(request_size >= FRAME_HEAD_LEN && reply_size >= 1);
        frame_write(&frame, exchange->request);
    }
    return 0;
}

void exchange_deinit(struct exchange *exchange)
{
    free(exchange->request);
    free(exchange->reply);
    *exchange = (struct exchange){0};
}

/* Judges a whole head, NUL-terminated, with its empty line. */
static int judge_head(const struct exchange *exchange, const char *head, struct err *err)
{
    static const char name[] = "\r\nContent-Length:";
    const char *field = strcasestr(head, name);
    char *end = NULL;

    if (strncmp(head, "HTTP/1.1 200", 12) != 0) {
        return err_set(err, ERR_INVALID, "another reply than expected: %.*s",
                       (int)strcspn(head, "\r\n"), head);
    }
    if (field == NULL ||
        strtoull(field + sizeof(name) - 1, &end, 10) != (unsigned long long)exchange->reply_len ||
        *end != '\r') {
        return err_set(err, ERR_INVALID, "another reply than expected: need Content-Length: %zu",
                       exchange->reply_len);
    }
    return 0;
}

/* Takes the head of an HTTP reply: 1 once it is whole and right. */
static int take_head(const struct exchange *exchange, struct exchange_reader *reader,
                     struct bytes *in, struct err *err)
{
    while (in->len > 0) {
        if (reader->head_len == sizeof(reader->head) - 1) {
            return err_set(err, ERR_INVALID, "a reply with a head of more than %zu bytes",
                           reader->head_len);
        }
        reader->head[reader->head_len++] = (char)in->data[0];
        in->data++;
        in->len--;
        if (reader->head_len >= 4 &&
            memcmp(reader->head + reader->head_len - 4, "\r\n\r\n", 4) == 0) {
            reader->head[reader->head_len] = '\0';
            reader->head_len = 0;
            reader->in_body = true;
            return judge_head(exchange, reader->head, err) == 0 ? 1 : -1;
        }
    }
    return 0;
}

int exchange_take(const struct exchange *exchange, struct exchange_reader *reader, struct bytes *in,
                  struct err *err)
{
    size_t left = exchange->reply_len - reader->at;
    size_t len = 0;

    if (exchange->has_head && !reader->in_body) {
        int rc = take_head(exchange, reader, in, err);

        if (rc != 1) {
            return rc;
        }
    }
    len = in->len < left ? in->len : left;
    if (len > 0 && memcmp(in->data, exchange->reply + reader->at, len) != 0) {
        return err_set(err, ERR_INVALID, "another reply than expected");
    }
    in->data += len;
    in->len -= len;
    reader->at += len;
    if (reader->at < exchange->reply_len) {
        return 0;
    }
    reader->at = 0;
    reader->in_body = false;
    return 1;
}
