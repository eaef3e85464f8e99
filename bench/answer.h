/*
 * Answer: what liftgate-bench serve makes of a stream of requests: how long each is, and which
 * replies are owed.  Frames and HTTP/1.1 requests, told apart by their first byte.
 *
 * Pure.  Bodies are not kept: of a request only its length counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/frame.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define ANSWER_QUEUE_MAX 64  /* replies that are owed on one connection, at most */
#define ANSWER_HEAD_MAX 4096 /* bytes of the head of an HTTP request */

struct answer_owed {
    uint32_t len;  /* bytes of its body */
    bool has_head; /* HTTP */
};

/* One connection; zero before the first byte. */
struct answer_stream {
    uint8_t head[ANSWER_HEAD_MAX]; /* of a request that is not whole */
    size_t head_len;
    uint64_t body_left; /* bytes of the present request that are still to come */
    bool in_body;
    struct answer_owed present; /* owed once its request is whole */
    struct answer_owed queue[ANSWER_QUEUE_MAX];
    size_t first;
    size_t num;
    size_t sent; /* bytes of the first that have been taken, its head included */
};

/* Takes requests from `in`, and advances it, until it is empty or ANSWER_QUEUE_MAX replies are
   owed. ERR_INVALID: this is no request that is understood. */
MUST_CHECK int answer_feed(struct answer_stream *stream, struct bytes *in, struct err *err);

/* Appends what is owed to `out`, as far as it fits, without marking it as sent. */
void answer_peek(const struct answer_stream *stream, struct buf *out);

/* Marks the first `len` bytes that are owed as sent. */
void answer_sent(struct answer_stream *stream, size_t len);
