/*
 * Http1: HTTP/1.1 messages: a scanner that refuses what parsers are known to disagree on, llhttp
 * strict behind it, and serialisers.  Bytes in, messages out; no sockets.
 *
 * The scanner sees every head and trailer to its end before llhttp does (spec/data-path.md 6): it
 * refuses CR without LF, LF without CR, folded lines, NUL and control bytes, space before the
 * colon, empty or non-token names and more than one leading CRLF.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define HTTP1_HEADERS_MAX 100
#define HTTP1_TARGET_MAX 8192
#define HTTP1_CHUNK_LINE_MAX 256

/* Judges a head (request or status line and fields, with the empty line at its end) or a trailer
   section (no start line).  False: `out_reason` is static text. */
MUST_CHECK bool http1_scan(struct bytes head, bool has_start_line, const char **out_reason);

struct http1_header {
    struct bytes name;
    struct bytes value; /* without surrounding white space */
};

enum http1_status {
    HTTP1_MORE,    /* all input was taken; more is needed */
    HTTP1_DONE,    /* one whole message is here; input behind it is not consumed */
    HTTP1_REFUSED, /* answer with http1_refusal_status() and close */
};

struct http1_limits {
    size_t head_max; /* bytes */
    size_t body_max; /* bytes */
};

struct http1; /* opaque: one whole-message parser with its storage (head_max + body_max) */

/* For requests (`is_response` false) or responses.  NULL: out of memory. */
struct http1 *http1_new(bool is_response, const struct http1_limits *limits);
void http1_free(struct http1 *http);

/* Makes it ready for the next message. */
void http1_reset(struct http1 *http);

/* Takes input; advances `in` by what was consumed. */
MUST_CHECK enum http1_status http1_feed(struct http1 *http, struct bytes *in);

/* Tells the parser that the stream ended: HTTP1_DONE for a close-delimited response. */
MUST_CHECK enum http1_status http1_eof(struct http1 *http);

/* Why, after HTTP1_REFUSED: a status for the answer (400, 405, 413, 414, 431, 501, 505) and static
   text. */
unsigned http1_refusal_status(const struct http1 *http);
const char *http1_refusal_reason(const struct http1 *http);

/* True once the first byte of a message was taken. */
bool http1_started(const struct http1 *http);

/* The message, after HTTP1_DONE; views valid until the next feed, reset or free. */
const char *http1_method(const struct http1 *http); /* "GET" */
struct bytes http1_target(const struct http1 *http);
unsigned http1_response_status(const struct http1 *http);
bool http1_keep_alive(const struct http1 *http);
struct bytes http1_body(const struct http1 *http);
size_t http1_num_headers(const struct http1 *http);
const struct http1_header *http1_header_at(const struct http1 *http, size_t i);

/* How many fields have this name (compared without case); the first one's value in `out_value`. */
size_t http1_find(const struct http1 *http, const char *name, struct bytes *out_value);

/* Appends a response head: status line, Date, Content-Length, the given fields, an empty line.
   False if it does not fit.  `fields` are whole lines with CRLF, or NULL. */
MUST_CHECK bool http1_put_response(struct buf *out, unsigned status, int64_t now,
                                   const char *content_type, size_t content_len, bool keep_alive,
                                   const char *fields);
