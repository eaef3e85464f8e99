/*
 * Http1: the whole-message parser: hands each part of a message to the judge it belongs to.
 *
 * Happy path: HEAD until the empty line, then nothing, LENGTH, UNTIL_CLOSE or, for chunks, LINE,
 * DATA, DATA_END again and again and TRAILER at last; DONE.  Any refusal is REFUSED, for good.
 * llhttp gets whole heads that passed the scanner, body bytes, and chunk sizes written anew; how
 * many bytes it may see is always known beforehand, so it never reads past the message.
 */
#include "common/http1.h"

#include <assert.h>
#include <inttypes.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http1_chunk.h"
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
    bool is_response;
    struct http1_limits limits;
    enum phase phase;
    bool started;
    unsigned num_interim;
    struct http1_scan scan;
    llhttp_t parser;
    bool complete;              /* llhttp says so */
    struct http1_header header; /* the one that llhttp is reading */
    struct http1_header headers[HTTP1_HEADERS_MAX];
    size_t num_headers;
    struct bytes target; /* as received */
    unsigned minor;
    struct http1_judgement judgement;
    struct http1_refusal refusal;
    uint64_t remaining; /* bytes of the body or chunk to come */
    size_t num_end;     /* bytes of the CRLF behind a chunk */
    struct http1_chunk chunk;
    size_t head_len;
    size_t body_len;
    uint8_t *head; /* in the same allocation, behind this struct; the body follows it */
    uint8_t *body;
};

static void refuse(struct http1 *http, unsigned status, const char *reason)
{
    http->phase = PHASE_REFUSED;
    if (http->refusal.status == 0) {
        http->refusal.status = http->is_response ? 502 : status;
        http->refusal.reason = reason;
    }
}

/* llhttp's callbacks.  A value may come in pieces, but they lie side by side in the head. */

static void extend(struct bytes *view, const char *at, size_t len)
{
    if (view->data == NULL) {
        view->data = (const uint8_t *)at;
    }
    view->len = (size_t)((const uint8_t *)at + len - view->data);
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http = parser->data;

    extend(&http->target, at, len);
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http = parser->data;

    extend(&http->header.name, at, len);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http = parser->data;

    extend(&http->header.value, at, len);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http1 *http = parser->data;
    struct bytes *value = &http->header.value;

    if (http->num_headers == HTTP1_HEADERS_MAX) {
        return -1;
    }
    while (value->len > 0 &&
           (value->data[value->len - 1] == ' ' || value->data[value->len - 1] == '\t')) {
        value->len--;
    }
    if (value->data == NULL) {
        value->data = (const uint8_t *)"";
    }
    http->headers[http->num_headers++] = http->header;
    http->header = (struct http1_header){0};
    return 0;
}

/* 1: llhttp is to expect no body; -1: stop. */
static int on_headers_complete(llhttp_t *parser)
{
    struct http1 *http = parser->data;
    struct http1_refusal refusal;
    const struct http1_head head = {
        .is_response = http->is_response,
        .status = parser->status_code,
        .method = http->is_response ? "" : llhttp_method_name((llhttp_method_t)parser->method),
        .target = http->target,
        .minor = http->minor,
        .headers = http->headers,
        .num_headers = http->num_headers,
    };

    /* Both parsers must have seen the same lines. */
    if (http->num_headers != http->scan.num_fields || parser->http_major != 1 ||
        parser->http_minor != http->minor) {
        refuse(http, 400, "ambiguous head");
        return -1;
    }
    if (http->is_response && parser->status_code == 101) {
        /* Here, because a newer llhttp would stop behind the head. */
        refuse(http, 502, "upgrade that was not asked for");
        return -1;
    }
    if (!http1_judge(&head, &http->judgement, &refusal)) {
        refuse(http, refusal.status, refusal.reason);
        return -1;
    }
    parser->upgrade = 0; /* an upgrade that nobody asked for is an ordinary message */
    return http->judgement.framing == HTTP1_NO_BODY ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http = parser->data;

    if (len > http->limits.body_max - http->body_len) {
        return -1;
    }
    memcpy(http->body + http->body_len, at, len);
    http->body_len += len;
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    return parser->content_length == 0 ? HPE_PAUSED : 0; /* trailers are for the scanner first */
}

static int on_message_complete(llhttp_t *parser)
{
    struct http1 *http = parser->data;

    http->complete = true;
    return 0;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

/* Has llhttp read `len` bytes and compares its error with the one that is due. */
static bool run(struct http1 *http, const void *data, size_t len, llhttp_errno_t due)
{
    llhttp_errno_t got = llhttp_execute(&http->parser, data, len);

    if (got == due) {
        return true;
    }
    /* The version was checked, so a wrong constant is the method of another protocol. */
    if (!http->is_response && (got == HPE_INVALID_METHOD || got == HPE_INVALID_CONSTANT)) {
        refuse(http, 501, "method");
    } else {
        refuse(http, 400, llhttp_errno_name(got));
    }
    return false;
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
    http->complete = false;
    http->header = (struct http1_header){0};
    http->num_headers = 0;
    http->target = (struct bytes){0};
    http->minor = 0;
    http->judgement = (struct http1_judgement){0};
    http->refusal = (struct http1_refusal){0};
    http->remaining = 0;
    http->num_end = 0;
    http->head_len = 0;
    http->body_len = 0;
    begin_scan(http, false);
    http1_chunk_init(&http->chunk);
    llhttp_init(&http->parser, http->is_response ? HTTP_RESPONSE : HTTP_REQUEST, &callbacks);
    http->parser.data = http;
    assert(http->parser.lenient_flags == 0);
}

/* The body is about to begin: what both parsers think of it must be the same. */
static void enter_body(struct http1 *http)
{
    const struct http1_judgement *judgement = &http->judgement;
    const llhttp_t *parser = &http->parser;
    bool agreed = false;

    switch (judgement->framing) {
    case HTTP1_NO_BODY:
        agreed = http->complete;
        http->phase = PHASE_DONE;
        break;
    case HTTP1_LENGTH:
        agreed = !http->complete && (parser->flags & F_CHUNKED) == 0 &&
                 (parser->flags & F_CONTENT_LENGTH) != 0 &&
                 parser->content_length == judgement->length;
        http->remaining = judgement->length;
        http->phase = PHASE_LENGTH;
        break;
    case HTTP1_CHUNKED:
        agreed = !http->complete && (parser->flags & F_CHUNKED) != 0;
        http->phase = PHASE_CHUNK_LINE;
        break;
    case HTTP1_UNTIL_CLOSE:
        agreed = !http->complete && llhttp_message_needs_eof(parser) != 0;
        http->phase = PHASE_UNTIL_CLOSE;
        break;
    }
    if (!agreed) {
        refuse(http, 400, "ambiguous length");
    } else if (http->remaining > http->limits.body_max) {
        refuse(http, 413, "body too long");
    }
}

static void finish_head(struct http1 *http)
{
    size_t skip = http->scan.skipped ? 2 : 0;
    struct bytes line = {.data = http->head + skip, .len = http->scan.start_line_len};
    struct http1_refusal refusal;
    unsigned status = 0;

    if (!http1_check_start_line(line, http->is_response, &http->minor, &refusal)) {
        refuse(http, refusal.status, refusal.reason);
        return;
    }
    if (!run(http, http->head + skip, http->head_len - skip, HPE_OK)) {
        return;
    }
    status = http->parser.status_code;
    if (!http->is_response || status >= 200) {
        enter_body(http);
    } else if (!http->complete) {
        refuse(http, 502, "ambiguous length");
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

/* Up to `remaining` bytes of body; true once there are no more to come. */
static bool take_counted(struct http1 *http, struct bytes *in)
{
    size_t len = in->len < http->remaining ? in->len : (size_t)http->remaining;

    if (!run(http, in->data, len, HPE_OK)) {
        return false;
    }
    advance(in, len);
    http->remaining -= len;
    return http->remaining == 0;
}

static void take_length(struct http1 *http, struct bytes *in)
{
    if (take_counted(http, in)) {
        http->phase = PHASE_DONE;
        if (!http->complete) {
            refuse(http, 400, "ambiguous length");
        }
    }
}

static void take_until_close(struct http1 *http, struct bytes *in)
{
    if (in->len > http->limits.body_max - http->body_len) {
        refuse(http, 413, "body too long");
    } else if (run(http, in->data, in->len, HPE_OK)) {
        advance(in, in->len);
    }
}

/* A chunk of this size begins. */
static void enter_chunk(struct http1 *http, uint64_t size)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "%" PRIx64 "\r\n", size);

    if (size > http->limits.body_max - http->body_len) {
        refuse(http, 413, "body too long");
        return;
    }
    if (!run(http, line, (size_t)len, size == 0 ? HPE_PAUSED : HPE_OK)) {
        return;
    }
    if (http->parser.content_length != size) {
        refuse(http, 400, "ambiguous length");
        return;
    }
    http->remaining = size;
    http->num_end = 0;
    http->phase = size > 0 ? PHASE_CHUNK_DATA : PHASE_TRAILER;
    begin_scan(http, true);
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
    if (++http->num_end == 2 && run(http, crlf, 2, HPE_OK)) {
        http->phase = PHASE_CHUNK_LINE;
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
        llhttp_resume(&http->parser);
        if (run(http, "\r\n", 2, HPE_OK)) {
            http->phase = PHASE_DONE;
            if (!http->complete) {
                refuse(http, 400, "ambiguous length");
            }
        }
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
            http->phase = take_counted(http, in) ? PHASE_CHUNK_END : http->phase;
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
    if (http->phase == PHASE_UNTIL_CLOSE && llhttp_finish(&http->parser) == HPE_OK &&
        http->complete) {
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
    http->is_response = is_response;
    http->limits = *limits;
    http->head = (uint8_t *)(http + 1);
    http->body = http->head + limits->head_max;
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
    return http->refusal.status;
}

const char *http1_refusal_reason(const struct http1 *http)
{
    return http->refusal.reason;
}

bool http1_started(const struct http1 *http)
{
    return http->started;
}

const char *http1_method(const struct http1 *http)
{
    return llhttp_method_name((llhttp_method_t)http->parser.method);
}

struct bytes http1_target(const struct http1 *http)
{
    return http->judgement.target;
}

unsigned http1_response_status(const struct http1 *http)
{
    return http->parser.status_code;
}

bool http1_keep_alive(const struct http1 *http)
{
    return http->judgement.keep_alive;
}

struct bytes http1_body(const struct http1 *http)
{
    return (struct bytes){.data = http->body, .len = http->body_len};
}

size_t http1_num_headers(const struct http1 *http)
{
    return http->num_headers;
}

const struct http1_header *http1_header_at(const struct http1 *http, size_t i)
{
    assert(i < http->num_headers);
    return &http->headers[i];
}

size_t http1_find(const struct http1 *http, const char *name, struct bytes *out_value)
{
    return http1_count(http->headers, http->num_headers, name, out_value);
}

#define TEXT_OF(macro) #macro
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *http1_library_version(void)
{
    return VERSION_TEXT(LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}
