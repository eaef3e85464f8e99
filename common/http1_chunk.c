/*
 * Http1_chunk: collects a line, then judges it.
 */
#include "common/http1_chunk.h"

#include <stdbool.h>

#define DIGITS_MAX 16 /* hex digits: 64 bits */

static enum http1_chunk_status refuse(struct http1_chunk *chunk, const char *reason)
{
    chunk->reason = reason;
    return HTTP1_CHUNK_REFUSED;
}

static bool hex_value(char c, unsigned *out_value)
{
    if (c >= '0' && c <= '9') {
        *out_value = (unsigned)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        *out_value = (unsigned)(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
        *out_value = (unsigned)(c - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

/* Hex digits, then nothing or an extension of printable text. */
static enum http1_chunk_status finish_line(struct http1_chunk *chunk, uint64_t *out_size)
{
    size_t len = chunk->len - 2; /* without CRLF */
    uint64_t size = 0;
    size_t digits = 0;
    unsigned value = 0;

    while (digits < len && digits < DIGITS_MAX && hex_value(chunk->line[digits], &value)) {
        size = size << 4 | value;
        digits++;
    }
    if (digits == 0 || (digits < len && chunk->line[digits] != ';')) {
        return refuse(chunk, "chunk size");
    }
    for (size_t i = digits; i < len; i++) {
        unsigned char c = (unsigned char)chunk->line[i];

        if (c != '\t' && (c < 0x20 || c > 0x7e)) {
            return refuse(chunk, "byte in chunk extension");
        }
    }
    if (len - digits > HTTP1_CHUNK_EXTENSIONS_MAX - chunk->extensions_len) {
        return refuse(chunk, "chunk extensions too long");
    }
    chunk->extensions_len += len - digits;
    chunk->len = 0;
    *out_size = size;
    return HTTP1_CHUNK_SIZE;
}

void http1_chunk_init(struct http1_chunk *chunk)
{
    chunk->len = 0;
    chunk->extensions_len = 0;
    chunk->reason = NULL;
}

enum http1_chunk_status http1_chunk_feed(struct http1_chunk *chunk, uint8_t byte,
                                         uint64_t *out_size)
{
    bool after_cr = chunk->len > 0 && chunk->line[chunk->len - 1] == '\r';

    if (after_cr != (byte == '\n')) {
        return refuse(chunk, after_cr ? "CR without LF" : "LF without CR");
    }
    if (chunk->len == HTTP1_CHUNK_LINE_MAX && byte != '\r') {
        return refuse(chunk, "chunk line too long");
    }
    chunk->line[chunk->len++] = (char)byte;
    return byte == '\n' ? finish_line(chunk, out_size) : HTTP1_CHUNK_MORE;
}
