/*
 * Answer: requests in, replies owed.
 */
#include "bench/answer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define HEAD_CAP 96

/* The head of a reply; "" for a frame's. */
static size_t write_head(const struct answer_owed *owed, char out[static HEAD_CAP])
{
    if (!owed->has_head) {
        out[0] = '\0';
        return 0;
    }
    return (size_t)snprintf(out, HEAD_CAP, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                            (size_t)owed->len);
}

static void owe(struct answer_stream *stream)
{
    assert(stream->num < ANSWER_QUEUE_MAX);
    stream->queue[(stream->first + stream->num) % ANSWER_QUEUE_MAX] = stream->present;
    stream->num++;
    stream->in_body = false;
}

/* A number of at most `max` behind `text`; false if there is none, or it is greater. */
static bool read_size(const char *text, uint64_t max, const char *ends, uint64_t *out)
{
    char *end = NULL;
    unsigned long long value = 0;

    if (*text < '0' || *text > '9') {
        return false;
    }
    value = strtoull(text, &end, 10);
    if (value > max || *end == '\0' || strchr(ends, *end) == NULL) {
        return false;
    }
    *out = value;
    return true;
}

/* "METHOD /N HTTP/1.1", and how long the body is; `head` is NUL-terminated. */
static int read_http(struct answer_stream *stream, const char *head, struct err *err)
{
    static const char field[] = "\r\nContent-Length:";
    const char *path = strchr(head, ' ');
    const char *length = strcasestr(head, field);
    uint64_t len = 0;

    stream->body_left = 0;
    if (path == NULL || path[1] != '/') {
        return err_set(err, ERR_INVALID, "no HTTP request");
    }
    if (!read_size(path + 2, FRAME_MESSAGE_MAX, " /?", &len)) {
        len = 0; /* a path that is no number: an empty reply */
    }
    if (length != NULL) {
        length += sizeof(field) - 1;
        length += strspn(length, " ");
        if (!read_size(length, FRAME_MESSAGE_MAX, "\r ", &stream->body_left)) {
            return err_set(err, ERR_INVALID, "no length of a body");
        }
    }
    if (strcasestr(head, "\r\nTransfer-Encoding:") != NULL) {
        return err_set(err, ERR_INVALID, "bodies in chunks are not understood");
    }
    stream->present = (struct answer_owed){.len = (uint32_t)len, .has_head = true};
    stream->in_body = true;
    return 0;
}

static int read_frame(struct answer_stream *stream, struct err *err)
{
    struct frame frame;

    if (!frame_read(stream->head, &frame)) {
        return err_set(err, ERR_INVALID, "no frame");
    }
    stream->present = (struct answer_owed){.len = frame.reply_len};
    stream->body_left = frame.request_len - FRAME_HEAD_LEN;
    stream->in_body = true;
    return 0;
}

/* Takes bytes of a head until it is whole or `in` is empty. */
static int take_head(struct answer_stream *stream, struct bytes *in, struct err *err)
{
    while (in->len > 0 && !stream->in_body) {
        if (stream->head_len == ANSWER_HEAD_MAX - 1) {
            return err_set(err, ERR_INVALID, "the head of a request is too long");
        }
        stream->head[stream->head_len++] = in->data[0];
        in->data++;
        in->len--;
        if (stream->head[0] == FRAME_MAGIC) {
            if (stream->head_len == FRAME_HEAD_LEN) {
                stream->head_len = 0;
                return read_frame(stream, err);
            }
        } else if (stream->head_len >= 4 &&
                   memcmp(stream->head + stream->head_len - 4, "\r\n\r\n", 4) == 0) {
            stream->head[stream->head_len] = '\0';
            stream->head_len = 0;
            return read_http(stream, (const char *)stream->head, err);
        }
    }
    return 0;
}

int answer_feed(struct answer_stream *stream, struct bytes *in, struct err *err)
{
    while (in->len > 0 && stream->num < ANSWER_QUEUE_MAX) {
        size_t len = 0;

        if (!stream->in_body && take_head(stream, in, err) != 0) {
            return -1;
        }
        if (stream->in_body) {
            len = in->len < stream->body_left ? in->len : (size_t)stream->body_left;
            in->data += len;
            in->len -= len;
            stream->body_left -= len;
            if (stream->body_left == 0) {
                owe(stream);
            }
        }
    }
    return 0;
}

/* Part of one reply from byte `at` on, as far as it fits; how much. */
static size_t peek_one(const struct answer_owed *owed, size_t at, struct buf *out)
{
    char head[HEAD_CAP];
    size_t head_len = write_head(owed, head);
    size_t left = head_len + owed->len - at;
    size_t len = left < buf_room(out) ? left : buf_room(out);
    size_t of_head = at >= head_len ? 0 : head_len - at < len ? head_len - at : len;

    memcpy(out->data + out->len, head + (at < head_len ? at : 0), of_head);
    frame_pattern(out->data + out->len + of_head, len - of_head, at > head_len ? at - head_len : 0);
    out->len += len;
    return len;
}

void answer_peek(const struct answer_stream *stream, struct buf *out)
{
    size_t at = stream->sent;

    for (size_t i = 0; i < stream->num && buf_room(out) > 0; i++) {
        (void)peek_one(&stream->queue[(stream->first + i) % ANSWER_QUEUE_MAX], at, out);
        at = 0;
    }
}

void answer_sent(struct answer_stream *stream, size_t len)
{
    stream->sent += len;
    while (stream->num > 0) {
        const struct answer_owed *owed = &stream->queue[stream->first];
        char head[HEAD_CAP];
        size_t whole = write_head(owed, head) + owed->len;

        if (stream->sent < whole) {
            return;
        }
        stream->sent -= whole;
        stream->first = (stream->first + 1) % ANSWER_QUEUE_MAX;
        stream->num--;
    }
    assert(stream->sent == 0);
}
