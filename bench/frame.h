/*
 * Frame: the protocol between the load generator and liftgate-bench serve: a head that says how
 * long the request is and how long the reply shall be, then bytes that mean nothing.
 *
 * Pure.  The reply has no head: its bytes are those of frame_pattern().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

#define FRAME_HEAD_LEN 16 /* bytes */
#define FRAME_MAGIC 0xf7  /* the first byte; that of no HTTP request */
#define FRAME_MESSAGE_MAX (16 * 1024 * 1024)
#define FRAME_PATTERN_LEN 26 /* bytes after which the pattern begins again */

struct frame {
    uint32_t request_len; /* bytes, head included; FRAME_HEAD_LEN to FRAME_MESSAGE_MAX */
    uint32_t reply_len;   /* bytes; 1 to FRAME_MESSAGE_MAX */
};

void frame_write(const struct frame *frame, uint8_t out[static FRAME_HEAD_LEN]);

/* False if it is no head of a frame. */
MUST_CHECK bool frame_read(const uint8_t head[static FRAME_HEAD_LEN], struct frame *out);

/* Fills `out` with what stands from byte `at` of a payload on. */
void frame_pattern(uint8_t *out, size_t len, size_t at);
