/*
 * Collect: obtains evidence from the platform this process runs on.
 *
 * Blocks, for seconds at worst: the owner of an event loop calls it from a worker thread.
 */
#pragma once

#include "attest/evidence.h"
#include "common/compiler.h"

struct err;
struct collected; /* opaque; does not change once collected */

struct collect_options {
    const char *platform;    /* "sim" in this slice; anything else fails with ERR_INVALID */
    const char *machine_dir; /* sim: the simulated machine's folder */
    unsigned vmpl;
};

/* Asks the platform to sign `report_data`.  NULL on failure.  The result holds at least provider
   and outblob.  VEK and ASK, where the platform gave them, are in `certs` (DER, for a CSR) and in
   the auxblob, so that a tsm-report alone is complete. */
struct collected *collect_evidence(const struct collect_options *options,
                                   const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                   struct err *err);

/* Borrowed, valid until collected_free(). */
const struct evidence *collected_evidence(const struct collected *collected);
void collected_free(struct collected *collected); /* accepts NULL */

/* "snp", "tdx" or "sim": the first path segment of the identity to ask for.  NULL: a platform that
   collect_evidence() refuses. */
const char *collect_tee(const struct collect_options *options);
