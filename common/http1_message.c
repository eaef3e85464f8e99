/*
 * Http1_message: llhttp's callbacks, and the comparisons of what it says with what is known
 * already.
 *
 * llhttp gets whole heads that passed the scanner, body bytes, and chunk sizes written anew.
 */
#include "common/http1_message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AMBIGUOUS_LENGTH "ambiguous length"

void http1_message_refuse(struct http1_message *message, unsigned status, const char *reason)
{
    if (message->refusal.status == 0) {
        message->refusal.status = message->is_response ? 502 : status;
        message->refusal.reason = reason;
    }
}

/* A value may come in pieces, but they lie side by side in the head. */
static void extend(struct bytes *view, const char *at, size_t len)
{
    if (view->data == NULL) {
        view->data = (const uint8_t *)at;
    }
    view->len = (size_t)((const uint8_t *)at + len - view->data);
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http1_message *message = parser->data;

    extend(&message->target, at, len);
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http1_message *message = parser->data;

    extend(&message->header.name, at, len);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http1_message *message = parser->data;

    extend(&message->header.value, at, len);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http1_message *message = parser->data;
    struct bytes *value = &message->header.value;

    if (message->num_headers == HTTP1_HEADERS_MAX) {
        return -1;
    }
    while (value->len > 0 &&
           (value->data[value->len - 1] == ' ' || value->data[value->len - 1] == '\t')) {
        value->len--;
    }
    if (value->data == NULL) {
        value->data = (const uint8_t *)"";
    }
    message->headers[message->num_headers++] = message->header;
    message->header = (struct http1_header){0};
    return 0;
}

/* 1: llhttp is to expect no body; -1: stop. */
static int on_headers_complete(llhttp_t *parser)
{
    struct http1_message *message = parser->data;
    struct http1_refusal refusal;
    const struct http1_head head = {
        .is_response = message->is_response,
        .status = parser->status_code,
        .method = message->is_response ? "" : llhttp_method_name((llhttp_method_t)parser->method),
        .target = message->target,
        .minor = message->minor,
        .headers = message->headers,
        .num_headers = message->num_headers,
    };

    /* Both parsers must have seen the same lines. */
    if (message->num_headers != message->num_fields || parser->http_major != 1 ||
        parser->http_minor != message->minor) {
        http1_message_refuse(message, 400, "ambiguous head");
        return -1;
    }
    if (message->is_response && parser->status_code == 101) {
        /* Here, because a newer llhttp would stop behind the head. */
        http1_message_refuse(message, 502, "upgrade that was not asked for");
        return -1;
    }
    if (!http1_judge(&head, &message->judgement, &refusal)) {
        http1_message_refuse(message, refusal.status, refusal.reason);
        return -1;
    }
    parser->upgrade = 0; /* an upgrade that nobody asked for is an ordinary message */
    return message->judgement.framing == HTTP1_NO_BODY ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http1_message *message = parser->data;

    if (len > message->body_max - message->body_len) {
        return -1;
    }
    memcpy(message->body + message->body_len, at, len);
    message->body_len += len;
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    return parser->content_length == 0 ? HPE_PAUSED : 0; /* trailers are for the scanner first */
}

static int on_message_complete(llhttp_t *parser)
{
    struct http1_message *message = parser->data;

    message->complete = true;
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
static bool run(struct http1_message *message, const void *data, size_t len, llhttp_errno_t due)
{
    llhttp_errno_t got = llhttp_execute(&message->parser, data, len);

    if (got == due) {
        return true;
    }
    /* The version was checked, so a wrong constant is the method of another protocol. */
    if (!message->is_response && (got == HPE_INVALID_METHOD || got == HPE_INVALID_CONSTANT)) {
        http1_message_refuse(message, 501, "method");
    } else {
        http1_message_refuse(message, 400, llhttp_errno_name(got));
    }
    return false;
}

void http1_message_begin(struct http1_message *message)
{
    message->body_len = 0;
    message->complete = false;
    message->header = (struct http1_header){0};
    message->num_headers = 0;
    message->target = (struct bytes){0};
    message->minor = 0;
    message->num_fields = 0;
    message->judgement = (struct http1_judgement){0};
    message->refusal = (struct http1_refusal){0};
    llhttp_init(&message->parser, message->is_response ? HTTP_RESPONSE : HTTP_REQUEST, &callbacks);
    message->parser.data = message;
    assert(message->parser.lenient_flags == 0);
}

bool http1_message_head(struct http1_message *message, struct bytes head, unsigned minor,
                        size_t num_fields)
{
    message->minor = minor;
    message->num_fields = num_fields;
    return run(message, head.data, head.len, HPE_OK);
}

/* Whether llhttp thinks of the body what the rules do. */
static bool agrees(const struct http1_message *message)
{
    const llhttp_t *parser = &message->parser;

    switch (message->judgement.framing) {
    case HTTP1_NO_BODY:
        return message->complete;
    case HTTP1_LENGTH:
        return !message->complete && (parser->flags & F_CHUNKED) == 0 &&
               (parser->flags & F_CONTENT_LENGTH) != 0 &&
               parser->content_length == message->judgement.length;
    case HTTP1_CHUNKED:
        return !message->complete && (parser->flags & F_CHUNKED) != 0;
    case HTTP1_UNTIL_CLOSE:
        return !message->complete && llhttp_message_needs_eof(parser) != 0;
    }
    return false;
}

bool http1_message_expect(struct http1_message *message)
{
    const struct http1_judgement *judgement = &message->judgement;

    if (!agrees(message)) {
        http1_message_refuse(message, 400, AMBIGUOUS_LENGTH);
    } else if (judgement->framing == HTTP1_LENGTH && judgement->length > message->body_max) {
        http1_message_refuse(message, 413, "body too long");
    }
    return message->refusal.status == 0;
}

static bool fits(struct http1_message *message, uint64_t len)
{
    if (len > message->body_max - message->body_len) {
        http1_message_refuse(message, 413, "body too long");
        return false;
    }
    return true;
}

bool http1_message_body(struct http1_message *message, struct bytes data)
{
    return fits(message, data.len) && run(message, data.data, data.len, HPE_OK);
}

bool http1_message_chunk(struct http1_message *message, uint64_t size)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "%" PRIx64 "\r\n", size);

    if (!fits(message, size) || !run(message, line, (size_t)len, size == 0 ? HPE_PAUSED : HPE_OK)) {
        return false;
    }
    if (message->parser.content_length != size) {
        http1_message_refuse(message, 400, AMBIGUOUS_LENGTH);
        return false;
    }
    return true;
}

bool http1_message_chunk_end(struct http1_message *message)
{
    return run(message, "\r\n", 2, HPE_OK);
}

bool http1_message_trailer_end(struct http1_message *message)
{
    llhttp_resume(&message->parser);
    return run(message, "\r\n", 2, HPE_OK) && http1_message_end(message);
}

bool http1_message_end(struct http1_message *message)
{
    if (!message->complete) {
        http1_message_refuse(message, 400, AMBIGUOUS_LENGTH);
    }
    return message->complete;
}

bool http1_message_ends_with_stream(struct http1_message *message)
{
    return llhttp_finish(&message->parser) == HPE_OK && message->complete;
}

const char *http1_message_method(const struct http1_message *message)
{
    return llhttp_method_name((llhttp_method_t)message->parser.method);
}

unsigned http1_message_status(const struct http1_message *message)
{
    return message->parser.status_code;
}

#define TEXT_OF(macro) #macro
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *http1_library_version(void)
{
    return VERSION_TEXT(LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}
