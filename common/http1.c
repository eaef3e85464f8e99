/*
 * Http1: the whole-message parser: tells the parts of a message apart, for http1_message to read.
 *
 * Happy path: HEAD until the empty line, then nothing, LENGTH, UNTIL_CLOSE or, for chunks, LINE,
 * DATA, DATA_END again and again and TRAILER at last; DONE.  Any refusal is REFUSED, for good.
 * How many bytes belong to a part is always known before anything but the scanner reads them.
 */
#include "common/http1.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/http1_chunk.h"
#include "common/http1_message.h"
#include "common/http1_scan.h"

enum phase {
    PHASE_HEAD,
    PHASE_LENGTH,
    PHASE_UNTIL_CLOSE,
    PHASE_CHUNK_LINE,
    PHASE_CHUNK_DATA,
    PHASE_CHUNK_END,
    PHASE_TRAILER,
    PHASE_DONE,
    PHASE_REFUSED,
};

struct http1 {
    struct http1_limits limits;
    enum phase phase;
    bool started;
    unsigned num_interim;
    struct http1_scan scan;
    struct http1_message message;
    uint64_t remaining; /* bytes of the body or chunk to come */
    size_t num_end;     /* bytes of the CRLF behind a chunk */
    struct http1_chunk chunk;
    size_t head_len;
    uint8_t *head; /* in the same allocation, behind this struct; the body follows it */
};

static void refuse(struct http1 *http, unsigned status, const char *reason)
{
    http->phase = PHASE_REFUSED;
    http1_message_refuse(&http->message, status, reason);
}

/* Goes on to `next` if the message was not refused. */
static void enter(struct http1 *http, bool accepted, enum phase next)
{
    http->phase = accepted ? next : PHASE_REFUSED;
}

static void begin_scan(struct http1 *http, bool is_trailer)
{
    const struct http1_scan_limits head = {.start_line_max = HTTP1_TARGET_MAX,
                                           .len_max = http->limits.head_max,
                                           .fields_max = HTTP1_HEADERS_MAX};
    const struct http1_scan_limits trailer = {.len_max = HTTP1_TRAILER_MAX,
                                              .fields_max = HTTP1_TRAILER_HEADERS_MAX};

    http1_scan_init(&http->scan, is_trailer ? &trailer : &head);
}

/* Everything but `started` and `num_interim`: those count across interim responses. */
static void begin_message(struct http1 *http)
{
    http->phase = PHASE_HEAD;
    http->remaining = 0;
    http->num_end = 0;
    http->head_len = 0;
    begin_scan(http, false);
    http1_chunk_init(&http->chunk);
    http1_message_begin(&http->message);
}

static void enter_body(struct http1 *http)
{
    static const enum phase phases[] = {
        [HTTP1_NO_BODY] = PHASE_DONE,
        [HTTP1_LENGTH] = PHASE_LENGTH,
        [HTTP1_CHUNKED] = PHASE_CHUNK_LINE,
        [HTTP1_UNTIL_CLOSE] = PHASE_UNTIL_CLOSE,
    };
    const struct http1_judgement *judgement = &http->message.judgement;

    http->remaining = judgement->framing == HTTP1_LENGTH ? judgement->length : 0;
    enter(http, http1_message_expect(&http->message), phases[judgement->framing]);
}

static void finish_head(struct http1 *http)
{
    size_t skip = http->scan.skipped ? 2 : 0;
    struct bytes head = {.data = http->head + skip, .len = http->head_len - skip};
    struct bytes line = {.data = head.data, .len = http->scan.start_line_len};
    struct http1_message *message = &http->message;
    struct http1_refusal refusal;
    unsigned minor = 0;

    if (!http1_check_start_line(line, message->is_response, &minor, &refusal)) {
        refuse(http, refusal.status, refusal.reason);
    } else if (!http1_message_head(message, head, minor, http->scan.num_fields)) {
        http->phase = PHASE_REFUSED;
    } else if (!message->is_response || http1_message_status(message) >= 200) {
        enter_body(http);
    } else if (!http1_message_end(message)) {
        http->phase = PHASE_REFUSED;
    } else if (++http->num_interim > HTTP1_INTERIM_MAX) {
        refuse(http, 502, "too many interim responses");
    } else {
        begin_message(http);
    }
}

/* The phases: each takes what belongs to it from `in`, which is not empty. */

static void advance(struct bytes *in, size_t len)
{
    in->data += len;
    in->len -= len;
}

static void take_head(struct http1 *http, struct bytes *in)
{
    size_t used = 0;
    enum http1_scan_status status = http1_scan_feed(&http->scan, *in, &used);

    /* The scanner takes no more than head_max. */
    memcpy(http->head + http->head_len, in->data, used);
    http->head_len += used;
    http->started = true;
    advance(in, used);
    if (status == HTTP1_SCAN_REFUSED) {
        refuse(http, http->scan.status, http->scan.reason);
    } else if (status == HTTP1_SCAN_END) {
        finish_head(http);
    }
}

/* Up to `remaining` bytes of body; then comes `next`. */
static void take_counted(struct http1 *http, struct bytes *in, enum phase next)
{
    size_t len = in->len < http->remaining ? in->len : (size_t)http->remaining;

    if (!http1_message_body(&http->message, (struct bytes){in->data, len})) {
        http->phase = PHASE_REFUSED;
        return;
    }
    advance(in, len);
    http->remaining -= len;
    http->phase = http->remaining == 0 ? next : http->phase;
}

static void take_length(struct http1 *http, struct bytes *in)
{
    take_counted(http, in, PHASE_DONE);
    if (http->phase == PHASE_DONE) {
        enter(http, http1_message_end(&http->message), PHASE_DONE);
    }
}

static void take_until_close(struct http1 *http, struct bytes *in)
{
    if (http1_message_body(&http->message, *in)) {
        advance(in, in->len);
    } else {
        http->phase = PHASE_REFUSED;
    }
}

/* A chunk of this size begins. */
static void enter_chunk(struct http1 *http, uint64_t size)
{
    http->remaining = size;
    http->num_end = 0;
    begin_scan(http, true);
    enter(http, http1_message_chunk(&http->message, size),
          size > 0 ? PHASE_CHUNK_DATA : PHASE_TRAILER);
}

static void take_chunk_line(struct http1 *http, struct bytes *in)
{
    uint64_t size = 0;
    enum http1_chunk_status status = http1_chunk_feed(&http->chunk, in->data[0], &size);

    advance(in, 1);
    if (status == HTTP1_CHUNK_REFUSED) {
        refuse(http, 400, http->chunk.reason);
    } else if (status == HTTP1_CHUNK_SIZE) {
        enter_chunk(http, size);
    }
}

static void take_chunk_end(struct http1 *http, struct bytes *in)
{
    static const char crlf[] = "\r\n";

    if (in->data[0] != (uint8_t)crlf[http->num_end]) {
        refuse(http, 400, "chunk not ended by CRLF");
        return;
    }
    advance(in, 1);
    if (++http->num_end == 2) {
        enter(http, http1_message_chunk_end(&http->message), PHASE_CHUNK_LINE);
    }
}

static void take_trailer(struct http1 *http, struct bytes *in)
{
    size_t used = 0;
    enum http1_scan_status status = http1_scan_feed(&http->scan, *in, &used);

    advance(in, used);
    if (status == HTTP1_SCAN_REFUSED) {
        refuse(http, 400, http->scan.status == 400 ? http->scan.reason : "trailer too long");
    } else if (status == HTTP1_SCAN_END) {
        enter(http, http1_message_trailer_end(&http->message), PHASE_DONE);
    }
}

enum http1_status http1_feed(struct http1 *http, struct bytes *in)
{
    while (in->len > 0 && http->phase < PHASE_DONE) {
        switch (http->phase) {
        case PHASE_HEAD:
            take_head(http, in);
            break;
        case PHASE_LENGTH:
            take_length(http, in);
            break;
        case PHASE_UNTIL_CLOSE:
            take_until_close(http, in);
            break;
        case PHASE_CHUNK_LINE:
            take_chunk_line(http, in);
            break;
        case PHASE_CHUNK_DATA:
            take_counted(http, in, PHASE_CHUNK_END);
            break;
        case PHASE_CHUNK_END:
            take_chunk_end(http, in);
            break;
        case PHASE_TRAILER:
            take_trailer(http, in);
            break;
        case PHASE_DONE:
        case PHASE_REFUSED:
            break;
        }
    }
    if (http->phase == PHASE_REFUSED) {
        return HTTP1_REFUSED;
    }
    return http->phase == PHASE_DONE ? HTTP1_DONE : HTTP1_MORE;
}

enum http1_status http1_eof(struct http1 *http)
{
    if (http->phase == PHASE_UNTIL_CLOSE && http1_message_ends_with_stream(&http->message)) {
        http->phase = PHASE_DONE;
    }
    if (http->phase == PHASE_DONE) {
        return HTTP1_DONE;
    }
    if (!http->started) {
        return HTTP1_MORE;
    }
    refuse(http, 400, "stream ended inside the message");
    return HTTP1_REFUSED;
}

void http1_time_out(struct http1 *http)
{
    assert(http->phase < PHASE_DONE);
    refuse(http, 408, "message not complete in time");
}

struct http1 *http1_new(bool is_response, const struct http1_limits *limits)
{
    struct http1 *http = NULL;

    assert(limits->head_max > 0 && limits->head_max < SIZE_MAX / 4 &&
           limits->body_max < SIZE_MAX / 4);
    http = malloc(sizeof(*http) + limits->head_max + limits->body_max);
    if (http == NULL) {
        return NULL;
    }
    memset(http, 0, sizeof(*http));
    http->limits = *limits;
    http->head = (uint8_t *)(http + 1);
    http->message.is_response = is_response;
    http->message.body = http->head + limits->head_max;
    http->message.body_max = limits->body_max;
    http1_reset(http);
    return http;
}

void http1_free(struct http1 *http)
{
    free(http);
}

void http1_reset(struct http1 *http)
{
    http->started = false;
    http->num_interim = 0;
    begin_message(http);
}

unsigned http1_refusal_status(const struct http1 *http)
{
    return http->message.refusal.status;
}

const char *http1_refusal_reason(const struct http1 *http)
{
    return http->message.refusal.reason;
}

bool http1_started(const struct http1 *http)
{
    return http->started;
}

const char *http1_method(const struct http1 *http)
{
    return http1_message_method(&http->message);
}

struct bytes http1_target(const struct http1 *http)
{
    return http->message.judgement.target;
}

unsigned http1_response_status(const struct http1 *http)
{
    return http1_message_status(&http->message);
}

bool http1_keep_alive(const struct http1 *http)
{
    return http->message.judgement.keep_alive;
}

struct bytes http1_body(const struct http1 *http)
{
    return (struct bytes){.data = http->message.body, .len = http->message.body_len};
}

size_t http1_num_headers(const struct http1 *http)
{
    return http->message.num_headers;
}

const struct http1_header *http1_header_at(const struct http1 *http, size_t i)
{
    assert(i < http->message.num_headers);
    return &http->message.headers[i];
}

size_t http1_find(const struct http1 *http, const char *name, struct bytes *out_value)
{
    return http1_count(http->message.headers, http->message.num_headers, name, out_value);
}
