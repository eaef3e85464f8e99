/*
 * Tsm: the tsm-report map, one envelope for every TEE behind Linux configfs-tsm.
 *
 * CBOR (RFC 8949 deterministic encoding when written, strict when read) or the same keys in JSON
 * with base64url blobs.  Knows nothing about what is inside the blobs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "common/buf.h"
#include "common/verdict.h"

struct err;

#define TSM_LEN_MAX 65536 /* bytes of one encoded tsm-report */

/* Appends `evidence` (without its certs) to `out`; ERR_LIMIT if it does not fit. */
MUST_CHECK int tsm_encode(const struct evidence *evidence, struct buf *out, struct err *err);

/* Reads one CBOR map and nothing behind it into views of `bytes`; `out_evidence->num_certs` is 0.
   False: refused as envelope-invalid; `out_evidence` untouched. */
MUST_CHECK bool tsm_decode(struct bytes bytes, struct evidence *out_evidence,
                           struct verdict *out_verdict);

/* As tsm_decode(), from JSON; the decoded blobs lie in `storage`. */
MUST_CHECK bool tsm_decode_json(struct bytes text, struct buf *storage,
                                struct evidence *out_evidence, struct verdict *out_verdict);
