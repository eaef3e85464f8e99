/*
 * Guest device: a report of an SEV-SNP guest from the kernel's driver sev-guest, with the
 * certificates that the host has for it.  For kernels without configfs-tsm (before Linux 6.7).
 *
 * Asks at most three times and never waits between; how often a collection may begin is its
 * caller's affair.  Blocks: the driver itself waits, for a minute at worst, while the host puts it
 * off.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "attest/blobs.h"
#include "attest/sev_guest.h"
#include "common/compiler.h"

struct err;

/* The numbers of ioctl(2) that are asked of it; constants. */
const unsigned long *guest_device_ioctls(size_t *out_num);

/* Whether the device is there and lets us in; asks it for nothing.  ERR_INVALID: no; the message
   says what to do. */
MUST_CHECK int guest_device_find(const char *path, struct err *err);

/* Report and certificate table for `report_data`; the table as the host gave it, unjudged, but
   without the room behind it.  ERR_INVALID: as guest_device_find(), or the VMPL is not ours to ask
   for: the driver does not say which one is.  ERR_REBOOT: the driver has wiped its key.  ERR_IO:
   anything else that driver, host or firmware refuse; often that has cost the key, and the next try
   says so.  ERR_TIMEOUT: its turn did not come. */
MUST_CHECK int guest_device_collect(const struct blobs_options *options,
                                    const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                    struct blobs *out_blobs, struct err *err);

/* An open device: what ioctl(2) does with `number` and `call`, and its errno (0: done).  In tests
   it needs no kernel. */
struct guest_device {
    const char *name; /* for messages */
    int (*answer)(void *context, unsigned long number, struct sev_guest_call *call);
    void *context;
};

/* As guest_device_collect(), of a device that is open; `path` in the options does not matter. */
MUST_CHECK int guest_device_ask(const struct guest_device *device,
                                const struct blobs_options *options,
                                const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                                struct blobs *out_blobs, struct err *err);
