/*
 * Signature: ECDSA P-384 with SHA-384 in the form of AMD's firmware (56860, "ECDSA P-384 with
 * SHA-384 signature format"): R and S, little-endian, in 72 bytes each, zeros behind them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define SIGNATURE_LEN 512 /* bytes */
#define SIGNATURE_VALUE_LEN 48
#define SIGNATURE_S 72 /* where S begins; R is at 0 */

/* Signs with a P-384 key.  ERR_LIMIT: OpenSSL could not. */
MUST_CHECK int signature_make(EVP_PKEY *key, struct bytes message,
                              uint8_t out_signature[static SIGNATURE_LEN], struct err *err);

/* True if it holds, as the low 48 bytes of R and S have it; what lies around them is the caller's
   to judge. */
MUST_CHECK bool signature_holds(EVP_PKEY *key, struct bytes message,
                                const uint8_t signature[static SIGNATURE_LEN]);
