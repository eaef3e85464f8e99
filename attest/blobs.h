/*
 * Blobs: what a guest interface of the kernel gave for one request, and whether it is the answer to
 * that request.
 *
 * Who signed it and what it says is for a verifier.
 */
#pragma once

#include <stdint.h>

#include "attest/evidence.h"
#include "attest/pace.h"
#include "attest/table.h"
#include "common/compiler.h"

struct err;

struct blobs {
    uint8_t outblob[EVIDENCE_BLOB_MAX]; /* SNP: the report */
    size_t outblob_len;
    uint8_t auxblob[TABLE_LEN_MAX]; /* SNP: the certificate table */
    size_t auxblob_len;             /* 0: the host gave none */
};

/* How a guest interface is asked for them. */
struct blobs_options {
    const char *path;  /* the folder of configfs-tsm, or the device of sev-guest */
    unsigned vmpl;     /* to ask for, 0 to 3 */
    struct pace *pace; /* for each request; NULL: none */
    struct pace_patience patience;
};

/* Whether `outblob` is a report of a version we know, for this privilege level and these report
   data: what a kernel or a host mixed up, or kept from before, is not.  ERR_IO. */
MUST_CHECK int blobs_check(const struct blobs *blobs,
                           const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                           unsigned vmpl, struct err *err);
