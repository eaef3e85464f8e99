/*
 * Tsm: the tsm-report map, one envelope for every TEE behind Linux configfs-tsm.
 *
 * CBOR (RFC 8949 deterministic encoding when written, strict when read) or the same keys in JSON
 * with base64url blobs.  Knows nothing about what is inside the blobs.
 */
#pragma once

#include <stdbool.h>

#include "attest/evidence.h"
#include "common/buf.h"
#include "common/verdict.h"

struct err;

#define TSM_LEN_MAX 65536   /* bytes of one encoded tsm-report */
#define TSM_JSON_MAX 131072 /* bytes of one in JSON */

/* Appends `evidence` (without its certs) to `out`; ERR_LIMIT if it does not fit. */
MUST_CHECK int tsm_encode(const struct evidence *evidence, struct buf *out, struct err *err);

/* Reads one CBOR map and nothing behind it into views of `bytes`; `out_evidence->num_certs` is 0.
   False: refused as envelope-invalid; `out_evidence` untouched. */
MUST_CHECK bool tsm_decode(struct bytes bytes, struct evidence *out_evidence,
                           struct verdict *out_verdict);

/* As tsm_decode(), from JSON; what it decodes is appended to `storage` and lies there.  A storage
   of TSM_LEN_MAX bytes has room for every valid one.  Meanwhile at most 12 MiB are allocated. */
MUST_CHECK bool tsm_decode_json(struct bytes text, struct buf *storage,
                                struct evidence *out_evidence, struct verdict *out_verdict);
