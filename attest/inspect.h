/*
 * Inspect: explains evidence, certificates, CSRs, revocation lists and certificate tables field by
 * field, in words, and marks what is dangerous.
 *
 * Nothing is verified here, and nothing shown may be believed before `verify` has accepted it.
 * `now`, in seconds since 1970, is for what has expired.
 */
#pragma once

#include <stdint.h>

#include "attest/evidence.h"
#include "attest/intake.h"
#include "attest/sheet.h"
#include "common/bytes.h"

/* Whatever a file held. */
void inspect_intake(struct sheet *sheet, const struct intake *intake, int64_t now);

/* The tsm-report's own keys, the report and the certificate table. */
void inspect_evidence(struct sheet *sheet, const struct evidence *evidence, int64_t now);

/* All fields of a report of any version in `bytes`; a wrong length is shown as such. */
void inspect_report(struct sheet *sheet, struct bytes bytes);

/* A certificate in DER (or PEM, as a host's table may hold): names, dates, key, AMD's extensions,
   the attestation result.  `title` says where it came from. */
void inspect_certificate(struct sheet *sheet, const char *title, struct bytes certificate,
                         int64_t now);

/* A revocation list in DER. */
void inspect_crl(struct sheet *sheet, const char *title, struct bytes der, int64_t now);

/* A CSR in DER, without its evidence. */
void inspect_csr(struct sheet *sheet, struct bytes csr);
