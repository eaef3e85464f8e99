/*
 * Collect: obtains evidence from the platform this process runs on.
 *
 * Blocks, for a minute at worst: the owner of an event loop calls it from a worker thread.
 */
#pragma once

#include <stddef.h>

#include "attest/evidence.h"
#include "attest/pace.h"
#include "common/compiler.h"

struct err;
struct collect_source; /* one way to evidence; opaque, a constant */
struct collected;      /* opaque; does not change once collected */

/* Texts are borrowed. */
struct collect_options {
    const char *platform;    /* "auto", "snp", "tdx" or "sim"; auto is never sim */
    const char *machine_dir; /* sim: the simulated machine's folder */
    const char *report_dir;  /* of configfs-tsm; NULL: the kernel's */
    const char *device;      /* of the driver sev-guest; NULL: the kernel's */
    unsigned vmpl;     /* to ask for; from configfs-tsm the guest's own where that is higher */
    struct pace *pace; /* of all collections of this process; NULL: requests are not spread.
                          The simulated platform's never are */
    struct pace_patience patience; /* how long a collection waits for its turn */
};

/* The best source that there is on this machine.  Takes no evidence yet.  NULL and ERR_INVALID: it
   has none of the kind, or none that we may use; the message says what was tried. */
const struct collect_source *collect_find(const struct collect_options *options, struct err *err);

/* "snp" or "sim": the platform that its evidence is of, and so the first path segment of the
   identity to ask for. */
const char *collect_source_tee(const struct collect_source *source);

/* Asks the source, which these options have found, to sign `report_data`.  NULL on failure:
   ERR_INVALID as collect_find() if it is gone, ERR_IO or ERR_TIMEOUT if trying again later may
   help, ERR_REBOOT if that cannot.  The result holds at least provider and outblob, and the
   certificate table as the host gave it, unjudged.  Of the simulated platform VEK and ASK are in
   `certs`, too. */
struct collected *collect_evidence(const struct collect_source *source,
                                   const struct collect_options *options,
                                   const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                   struct err *err);

/* Borrowed, valid until collected_free(). */
const struct evidence *collected_evidence(const struct collected *collected);
void collected_free(struct collected *collected); /* accepts NULL */

/* Where collections ask the kernel: what a sandbox must admit, whether it is there or not.  Texts
   are borrowed from the options, or constants. */
struct collect_places {
    const char *request_dir; /* in which they make folders, write into their files and remove them;
                                NULL: none */
    const char *device;      /* that they read instead, by ioctl(2); NULL: none */
    const unsigned long *ioctls; /* with one of these numbers; constants */
    size_t num_ioctls;
};

struct collect_places collect_places(const struct collect_options *options);

/* Removes what collections of processes that are gone have left in the kernel.  For the start of a
   program. */
void collect_sweep(const struct collect_options *options);
