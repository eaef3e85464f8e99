/*
 * Bundle: the value of the id-aa-attestation CSR attribute (draft-ietf-lamps-csr-attestation):
 * AttestationBundle { one statement of type id-pe-cmw, certs }, the CMW record inside (RFC 9999)
 * and the tsm-report inside that.
 */
#pragma once

#include <stdint.h>

#include "attest/evidence.h"
#include "common/buf.h"
#include "common/verdict.h"

struct err;

#define BUNDLE_LEN_MAX 49152 /* bytes: an enrolment body is at most 64 KiB of base64 */

/* Content octets of OID 1.2.840.113549.1.9.16.2.59. */
#define BUNDLE_OID "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3b"
#define BUNDLE_OID_LEN 11

/* Appends the DER AttestationBundle for `evidence` and its certs (DER only). */
MUST_CHECK int bundle_encode(const struct evidence *evidence, struct buf *out, struct err *err);

/* Reads a DER AttestationBundle into views of `der`.  False: envelope-invalid or
   platform-unsupported; `out_evidence` untouched. */
MUST_CHECK bool bundle_decode(struct bytes der, struct evidence *out_evidence,
                              struct verdict *out_verdict);
