/*
 * Csr: the certification request (RFC 2986) with evidence in its id-aa-attestation attribute.
 *
 * Evidence is bound to the key as it stands in the request, so the request begins before the
 * evidence exists, and is signed after.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define CSR_SPKI_SHA256_LEN 32

/* An unsigned request for `key` with an empty subject and `uri` as its only alternative name.
   NULL on failure; X509_REQ_free() frees it. */
X509_REQ *csr_new(EVP_PKEY *key, const char *uri, struct err *err);

/* SHA-256 of the SubjectPublicKeyInfo, exactly as it will stand in the request. */
MUST_CHECK int csr_spki_sha256(X509_REQ *request, uint8_t out_sha256[static CSR_SPKI_SHA256_LEN],
                               struct err *err);

/* Adds `bundle` (DER, attest/bundle.h) as the attribute, signs with `key` and appends the DER
   request to `out`.  ERR_LIMIT if it does not fit. */
MUST_CHECK int csr_sign(X509_REQ *request, EVP_PKEY *key, struct bytes bundle, struct buf *out,
                        struct err *err);
