/*
 * Reply: what the CA's responses say (spec: endpoints, status codes, nonce).  Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "attest/binding.h"
#include "common/compiler.h"

struct enrol_failure;
struct err;
struct http1;

#define REPLY_COOKIE_CAP 256 /* of "NAME=VALUE" and NUL */

/* A nonce, and the cookie that must come back with whatever is bound to it. */
struct reply_nonce {
    uint8_t data[BINDING_NONCE_MAX];
    size_t len;
    char cookie[REPLY_COOKIE_CAP];
};

/* Checks status 200 and media type (without parameters).  -1: ERR_DENIED for a refusal, which
   fills `out_failure`, or ERR_INVALID for an answer of another kind. */
MUST_CHECK int reply_check(const struct http1 *response, const char *media_type,
                           struct enrol_failure *out_failure, struct err *err);

/* Reads a nonce answer that passed reply_check(). */
MUST_CHECK int reply_nonce(const struct http1 *response, struct reply_nonce *out_nonce,
                           struct err *err);

/* The server's clock minus ours by its Date, which tells no more than a second: of all values that
   fit a response written between `sent_ms` and `received_ms` (since 1970), the one nearest to 0.
   0 without a Date. */
int64_t reply_clock_offset_ms(const struct http1 *response, int64_t sent_ms, int64_t received_ms);
