/*
 * Exchange: what is sent for one request, and the exact bytes that must come back.
 *
 * Pure.  Of an HTTP reply the body is exact; its head must say 200 and Content-Length.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/frame.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define EXCHANGE_SIZE_MAX FRAME_MESSAGE_MAX /* bytes of payload */
#define EXCHANGE_HEAD_MAX 1024              /* bytes of the head of an HTTP reply */

enum exchange_protocol {
    EXCHANGE_FRAME, /* of liftgate-bench serve */
    EXCHANGE_ECHO,  /* a server that returns what it gets */
    EXCHANGE_REDIS, /* PING with a payload, which redis returns as a bulk string */
    EXCHANGE_HTTP,  /* HTTP/1.1: POST, or GET if the request has no payload */
};

struct exchange {
    uint8_t *request;
    size_t request_len;
    uint8_t *reply; /* of HTTP: the body */
    size_t reply_len;
    bool has_head; /* HTTP */
};

/* How far into a reply one connection is; zero before the first. */
struct exchange_reader {
    size_t at;
    size_t head_len;
    bool in_body;
    char head[EXCHANGE_HEAD_MAX];
};

/* For payloads of these sizes (bytes, up to EXCHANGE_SIZE_MAX; a frame's request at least
   FRAME_HEAD_LEN).  Echo and redis take the first for both.  ERR_LIMIT. */
MUST_CHECK int exchange_init(struct exchange *exchange, enum exchange_protocol protocol,
                             size_t request_size, size_t reply_size, struct err *err);
void exchange_deinit(struct exchange *exchange);

/* Takes input up to the end of one reply and advances `in`: 1 if it is whole now, 0 if more must
   come, -1 with ERR_INVALID if this is no such reply. */
MUST_CHECK int exchange_take(const struct exchange *exchange, struct exchange_reader *reader,
                             struct bytes *in, struct err *err);
