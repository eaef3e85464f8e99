/*
 * Http1: HTTP/1.1 messages: a whole-message parser and serialisers.  Bytes in, messages out; no
 * sockets, no time.
 *
 * Every head passes the scanner (common/http1_scan.h), then llhttp in strict mode, then the rules
 * (common/http1_rules.h); framing is worked out twice and both must agree.  Trailers and chunk
 * extensions are judged and dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/http1_rules.h"

#define HTTP1_HEADERS_MAX 100
#define HTTP1_TARGET_MAX 8192  /* bytes of a start line */
#define HTTP1_TRAILER_MAX 8192 /* bytes */
#define HTTP1_TRAILER_HEADERS_MAX 32
#define HTTP1_INTERIM_MAX 8 /* 1xx responses before the final one */

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

/* For requests (`is_response` false) or responses (to anything but HEAD; interim ones are skipped).
   NULL: out of memory. */
struct http1 *http1_new(bool is_response, const struct http1_limits *limits);
void http1_free(struct http1 *http); /* accepts NULL */

/* Makes it ready for the next message. */
void http1_reset(struct http1 *http);

/* Takes input; advances `in` by what was consumed.  The result does not depend on how input is
   split.  After HTTP1_DONE or HTTP1_REFUSED it takes nothing until http1_reset(). */
MUST_CHECK enum http1_status http1_feed(struct http1 *http, struct bytes *in);

/* Tells the parser that the stream ended: HTTP1_DONE for a close-delimited response, HTTP1_MORE
   where no message had begun, HTTP1_REFUSED where one was cut. */
MUST_CHECK enum http1_status http1_eof(struct http1 *http);

/* Tells the parser that its owner waits no longer for the rest: the message is refused with 408.
   Not after HTTP1_DONE or HTTP1_REFUSED. */
void http1_time_out(struct http1 *http);

/* Why, after HTTP1_REFUSED: a status for the answer (400, 405, 408, 413, 414, 417, 431, 501, 505;
   502 for a response) and static text. */
unsigned http1_refusal_status(const struct http1 *http);
const char *http1_refusal_reason(const struct http1 *http);

/* True once the first byte of a message was taken. */
bool http1_started(const struct http1 *http);

/* The message, after HTTP1_DONE; views valid until the next reset or free. */
const char *http1_method(const struct http1 *http);  /* "GET" */
struct bytes http1_target(const struct http1 *http); /* in origin-form, or "*" */
unsigned http1_response_status(const struct http1 *http);
bool http1_keep_alive(const struct http1 *http);
struct bytes http1_body(const struct http1 *http);
size_t http1_num_headers(const struct http1 *http);
const struct http1_header *http1_header_at(const struct http1 *http, size_t i);

/* How many fields have this name (compared without case); the first one's value in `out_value`
   (may be NULL), untouched if there is none. */
size_t http1_find(const struct http1 *http, const char *name, struct bytes *out_value);

/* Appends a response head: status line, Date, Content-Type (unless NULL), Content-Length, the given
   fields, an empty line.  False if it does not fit: nothing is appended.  `now` is seconds since
   1970; `fields` are whole lines with CRLF, or NULL. */
MUST_CHECK bool http1_put_response(struct buf *out, unsigned status, int64_t now,
                                   const char *content_type, size_t content_len, bool keep_alive,
                                   const char *fields);

/* What a request head says. */
struct http1_request {
    const char *method;
    const char *target;       /* origin-form */
    const char *host;         /* HOST or HOST:PORT */
    const char *content_type; /* NULL: none, and no Content-Length either */
    size_t content_len;
    const char *fields; /* whole lines with CRLF, or NULL */
};

/* Appends a request head, HTTP/1.1 and keep-alive.  False if it does not fit: nothing is appended.
   Nothing is escaped: the texts are ours. */
MUST_CHECK bool http1_put_request(struct buf *out, const struct http1_request *request);

/* Of llhttp; static text. */
const char *http1_library_version(void);
