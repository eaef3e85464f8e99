/*
 * Http1_chunk: the chunk-size lines of a chunked body (RFC 9112 section 7.1).  Bounded, in the
 * line and in what extensions a message may carry in all; extensions are judged and dropped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

#define HTTP1_CHUNK_LINE_MAX 256         /* bytes without CRLF */
#define HTTP1_CHUNK_EXTENSIONS_MAX 16384 /* bytes in a message */

enum http1_chunk_status {
    HTTP1_CHUNK_MORE,    /* the byte was taken */
    HTTP1_CHUNK_SIZE,    /* so it was, and it ended the line */
    HTTP1_CHUNK_REFUSED, /* see `reason` */
};

struct http1_chunk {
    char line[HTTP1_CHUNK_LINE_MAX + 2];
    size_t len;
    size_t extensions_len; /* bytes so far in this message */
    const char *reason;    /* static text */
};

/* Ready for the first line of a message. */
void http1_chunk_init(struct http1_chunk *chunk);

/* Takes one byte of a line; after HTTP1_CHUNK_SIZE `out_size` is set, and the next byte begins the
   next line. */
MUST_CHECK enum http1_chunk_status http1_chunk_feed(struct http1_chunk *chunk, uint8_t byte,
                                                    uint64_t *out_size);
