/*
 * Est: what both ends of an enrolment share (RFC 7030 as corrected by RFC 8951): paths, media
 * types and base64.  The refusal codes are common/verdict.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/bytes.h"

#define EST_BASE "/.well-known/est"
#define EST_NONCE_COOKIE "__Host-estn"
#define EST_BODY_MAX 65536 /* bytes of a request or response body */

/* Appends base64 (RFC 4648 section 4, padded): one line if `columns` is 0, else wrapped with LF,
   also at the end.  False if it does not fit. */
MUST_CHECK bool est_base64_put(struct buf *out, struct bytes bytes, unsigned columns);

/* Appends what `text` encodes; skips CR, LF, SP and TAB, takes padding or none.  False on any other
   byte, on bits left over, or if it does not fit. */
MUST_CHECK bool est_base64_get(struct buf *out, struct bytes text);

/* base64url without padding (RFC 4648 section 5); get refuses white space and padding. */
MUST_CHECK bool est_base64url_put(struct buf *out, struct bytes bytes);
MUST_CHECK bool est_base64url_get(struct buf *out, struct bytes text);
