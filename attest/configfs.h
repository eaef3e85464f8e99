/*
 * Configfs: reports from the kernel's configfs-tsm (Linux 6.7; its document
 * Documentation/ABI/testing/configfs-tsm-report), one interface for every kind of confidential VM.
 *
 * One folder is one request: made, used once and removed again; ours are named
 * liftgate-PID-RANDOM.  Everything blocks: a report takes milliseconds, and a minute if others or
 * the host keep the firmware busy.  Nobody can end a read that has begun.
 */
#pragma once

#include <stdint.h>

#include "attest/blobs.h"
#include "common/compiler.h"

struct err;

#define CONFIGFS_DIR "/sys/kernel/config/tsm/report" /* the kernel's */
#define CONFIGFS_PROVIDER_CAP 32                     /* with the NUL */

/* Who signs where `dir` is configfs-tsm: "sev_guest", "tdx_guest".  Asks for no report.
   ERR_INVALID: this machine has none, or does not let us; the message says what to do. */
MUST_CHECK int configfs_find(const char *dir, char out_provider[static CONFIGFS_PROVIDER_CAP],
                             struct err *err);

/* Report and certificate table for `report_data`, from provider sev_guest; of a higher VMPL than
   that of the options if the kernel has no key for it.  ERR_INVALID: it is another, or the request
   is not one for this machine.  ERR_IO, ERR_TIMEOUT: retrying may help.  ERR_REBOOT. */
MUST_CHECK int configfs_collect(const struct blobs_options *options,
                                const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                struct blobs *out_blobs, struct err *err);

/* Removes the folders of processes that ended without doing so: for the start of a program, before
   it asks for anything. */
void configfs_sweep(const char *dir);
