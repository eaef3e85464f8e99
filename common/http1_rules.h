/*
 * Http1_rules: what a well-formed head must say to be taken (spec/data-path.md section 6): version,
 * method, target, Host, how long the body is, whether the connection lives on.
 *
 * Pure: parsed tokens in, a judgement out.  Rules that only a proxy has (reserved and hop-by-hop
 * fields) are not here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct http1_header {
    struct bytes name;
    struct bytes value; /* without surrounding white space */
};

/* A head as its parser understood it; all borrowed. */
struct http1_head {
    bool is_response;
    unsigned status;     /* of a response */
    const char *method;  /* of a request */
    struct bytes target; /* of a request, as received */
    unsigned minor;      /* HTTP/1.minor */
    const struct http1_header *headers;
    size_t num_headers;
};

struct http1_refusal {
    unsigned status;    /* for the answer */
    const char *reason; /* static text */
};

enum http1_framing {
    HTTP1_NO_BODY,
    HTTP1_LENGTH, /* `length` bytes, at least 1 */
    HTTP1_CHUNKED,
    HTTP1_UNTIL_CLOSE, /* responses only */
};

struct http1_judgement {
    enum http1_framing framing;
    uint64_t length;
    bool keep_alive;
    struct bytes target; /* in origin-form, or "*"; a view of the head's */
};

/* Judges the request or status line, without CRLF: its shape and version.  Refused: 400, 505. */
MUST_CHECK bool http1_check_start_line(struct bytes line, bool is_response, unsigned *out_minor,
                                       struct http1_refusal *out_refusal);

/* Judges the rest.  Refused: 400, 405, 417. */
MUST_CHECK bool http1_judge(const struct http1_head *head, struct http1_judgement *out_judgement,
                            struct http1_refusal *out_refusal);

/* How many of the fields have this name, compared without case; the first one's value goes to
   `out_value` (may be NULL), which is untouched if there is none. */
size_t http1_count(const struct http1_header *headers, size_t num_headers, const char *name,
                   struct bytes *out_value);
