/*
 * Csr: a PKCS#10 request (RFC 2986) as strict DER, judged on the received bytes.
 *
 * OpenSSL's decoder takes BER and re-encodes, so it never sees the request; only the key goes to
 * OpenSSL.  The subject is ignored, and names only select: they grant nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/bytes.h"
#include "common/spiffe.h"
#include "common/verdict.h"

/* Views of the request, and plain data. */
struct csr {
    struct bytes signed_part; /* CertificationRequestInfo, as received */
    struct bytes spki;        /* SubjectPublicKeyInfo, as received */
    struct bytes algorithm;   /* content of the signature's AlgorithmIdentifier */
    struct bytes signature;
    struct bytes bundle;         /* DER AttestationBundle: value of id-aa-attestation */
    char uri[SPIFFE_ID_MAX + 1]; /* the SAN's URI, or empty */
};

/* Takes `der` apart.  False: csr-invalid, or envelope-invalid for a doubled attestation;
   `out_csr` untouched. */
MUST_CHECK bool csr_parse(struct bytes der, struct csr *out_csr, struct verdict *out_verdict);

/* Judges key type, then the signature (proof of possession).  True: `out_key` is the caller's.
   False: key-not-allowed or csr-invalid. */
MUST_CHECK bool csr_prove(const struct csr *csr, EVP_PKEY **out_key, struct verdict *out_verdict);
