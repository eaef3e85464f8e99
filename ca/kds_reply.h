/*
 * Kds_reply: what the key service's answer to one request comes to.
 *
 * Pure.  Judges the form alone: that an answer holds a certificate, a chain or a list says nothing
 * of whose it is, which the verifier finds out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ca/vendor.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

#define KDS_RETRY_MAX_MS 3600000 /* the longest that a Retry-After is obeyed */

enum kds_outcome {
    KDS_GIVEN,  /* what was asked for, by its form */
    KDS_ABSENT, /* there is no such thing (400, 404) */
    KDS_BUSY,   /* too many requests (429) */
    KDS_BAD,    /* an answer that is none to this question, and says nothing of others */
    KDS_DOWN,   /* no answer, or one that speaks of an outage */
    KDS_OUTCOMES,
};

/* What was received; all borrowed. */
struct kds_response {
    unsigned status;
    struct bytes content_type; /* data NULL: not said */
    struct bytes retry_after;  /* likewise */
    struct bytes body;
};

struct kds_reply {
    enum kds_outcome outcome;
    uint64_t retry_ms;  /* asked for by Retry-After, at most KDS_RETRY_MAX_MS; 0: nothing */
    const char *reason; /* static text, unless KDS_GIVEN */
};

/* "given", "absent", "busy", "bad", "down". */
const char *kds_outcome_name(enum kds_outcome outcome);

/* Judges; with KDS_GIVEN appends the data, as struct vendor_item has it, to `out`, which has room
   for VENDOR_DATA_MAX.  `now` is seconds since 1970, for a Retry-After that is a date. */
struct kds_reply kds_reply_judge(enum vendor_kind kind, const struct kds_response *response,
                                 int64_t now, struct buf *out);
