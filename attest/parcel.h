/*
 * Parcel: evidence as it goes to a CA.
 *
 * What a CA must refuse whatever its policy says is not sent: the report and the certificate table
 * are judged here by the same rows (2 to 20).  A table that breaks them, and certificates that do
 * not fit the report, such as a stale VEK, are left out, so that they hide nobody else's: a CA asks
 * the vendor for what is missing.  Proves nothing to anybody: that is the verifier's business.
 */
#pragma once

#include <stdint.h>

#include "attest/evidence.h"

struct err;
struct parcel; /* opaque */

/* Judges `evidence` (borrowed, must outlive the parcel) at `now`, seconds since 1970.  NULL:
   ERR_INVALID if it would be refused, and by which row, or ERR_LIMIT. */
struct parcel *parcel_new(const struct evidence *evidence, int64_t now, struct err *err);
void parcel_free(struct parcel *parcel); /* accepts NULL */

/* Borrowed.  `certs`, in DER, are the VEK and its ASK or ASVK, or the VEK alone, or none: what was
   at hand and fits.  The table is there only if all of it fits. */
const struct evidence *parcel_evidence(const struct parcel *parcel);
