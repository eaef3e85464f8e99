/*
 * Http1_message: what llhttp makes of the parts of one message, and whether that is what the rules
 * make of it (common/http1_rules.h).  For http1.c.
 *
 * Which bytes belong to which part is told to it, so llhttp never reads past the message.  A
 * function that returns false has refused the message, for good: `refusal` says why.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llhttp.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/http1.h"
#include "common/http1_rules.h"

struct http1_message {
    bool is_response;
    uint8_t *body; /* borrowed; room for body_max bytes */
    size_t body_max;
    size_t body_len;
    llhttp_t parser;
    bool complete;                                  /* llhttp says so */
    struct http1_header header;                     /* the one that llhttp is reading */
    struct http1_header headers[HTTP1_HEADERS_MAX]; /* views of the head */
    size_t num_headers;
    struct bytes target; /* as received */
    unsigned minor;      /* as the start line was read, and */
    size_t num_fields;   /* as the scanner has counted: llhttp must agree */
    struct http1_judgement judgement;
    struct http1_refusal refusal; /* status 0: none */
};

/* Makes it ready for a message; the first three fields stay. */
void http1_message_begin(struct http1_message *message);

/* The first refusal counts, with 502 for any response. */
void http1_message_refuse(struct http1_message *message, unsigned status, const char *reason);

/* A whole head from the start line on, which the scanner has passed; it must stay where it is as
   long as the message is looked at. */
MUST_CHECK bool http1_message_head(struct http1_message *message, struct bytes head, unsigned minor,
                                   size_t num_fields);

/* The body is about to begin: whether llhttp expects the one that the rules do, and it fits. */
MUST_CHECK bool http1_message_expect(struct http1_message *message);

/* Bytes of a body, or of the chunk that has begun. */
MUST_CHECK bool http1_message_body(struct http1_message *message, struct bytes data);

/* A chunk of so many bytes, its end, and, after one of none, the end of the trailers. */
MUST_CHECK bool http1_message_chunk(struct http1_message *message, uint64_t size);
MUST_CHECK bool http1_message_chunk_end(struct http1_message *message);
MUST_CHECK bool http1_message_trailer_end(struct http1_message *message);

/* There is no more of it: whether llhttp agrees. */
MUST_CHECK bool http1_message_end(struct http1_message *message);

/* The stream has ended.  True if that is the end of the message; refuses nothing. */
MUST_CHECK bool http1_message_ends_with_stream(struct http1_message *message);

const char *http1_message_method(const struct http1_message *message);
unsigned http1_message_status(const struct http1_message *message); /* of a response */
