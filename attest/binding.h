/*
 * Binding: the value that ties evidence to a nonce and to a key (spec: anchor).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "common/compiler.h"

#define BINDING_NONCE_MAX 64 /* bytes */

/* SHA-384("ats-anchor-v1" || u8(nonce_len) || nonce || u8(11) || "spki-sha256" || u16be(32) ||
   spki_sha256) and 16 zero bytes.  `nonce_len` is 1 to BINDING_NONCE_MAX.  False, and nothing
   written, without memory for the digest. */
MUST_CHECK bool binding_report_data(const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t spki_sha256[static 32],
                                    uint8_t out_report_data[static EVIDENCE_REPORT_DATA_LEN]);
