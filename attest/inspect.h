/*
 * Inspect: explains evidence, certificates and CSRs field by field, in words.
 *
 * Nothing is verified here, and nothing shown may be believed before `verify` has accepted it.
 */
#pragma once

#include <stdint.h>

#include "attest/evidence.h"
#include "attest/sheet.h"
#include "common/bytes.h"

/* The tsm-report's own keys, the report and the certificate table. */
void inspect_evidence(struct sheet *sheet, const struct evidence *evidence);

/* All fields of a report of any version in `bytes`; a wrong length is shown as such. */
void inspect_report(struct sheet *sheet, struct bytes bytes);

/* A certificate in DER (or PEM, as a host's table may hold): names, dates, key, AMD's extensions,
   the attestation result.  `title` says where it came from. */
void inspect_certificate(struct sheet *sheet, const char *title, struct bytes certificate);

/* A CSR in DER, without its evidence. */
void inspect_csr(struct sheet *sheet, struct bytes csr);
