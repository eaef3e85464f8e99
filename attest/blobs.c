/*
 * Blobs: length, version, privilege level, report data, in this order.
 */
#include "attest/blobs.h"

#include <inttypes.h>
#include <string.h>

#include "attest/report.h"
#include "common/err.h"

int blobs_check(const struct blobs *blobs,
                const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN], unsigned vmpl,
                struct err *err)
{
    struct report report;
    uint64_t version = 0;

    if (!report_over((struct bytes){blobs->outblob, blobs->outblob_len}, &report)) {
        return err_set(err, ERR_IO, "the report has %zu bytes instead of %d", blobs->outblob_len,
                       REPORT_LEN);
    }
    version = report_uint(report, REPORT_VERSION);
    if (version < REPORT_VERSION_MIN || version > REPORT_VERSION_MAX) {
        return err_set(err, ERR_IO,
                       "the report has version %" PRIu64 ", this release knows %d to %d%s", version,
                       REPORT_VERSION_MIN, REPORT_VERSION_MAX,
                       version > REPORT_VERSION_MAX ? ": update it" : "");
    }
    if (report_uint(report, REPORT_VMPL) != vmpl) {
        return err_set(err, ERR_IO, "the report is of VMPL %" PRIu64 ", not of %u, as asked for",
                       report_uint(report, REPORT_VMPL), vmpl);
    }
    if (memcmp(report_bytes(report, REPORT_REPORT_DATA).data, report_data,
               EVIDENCE_REPORT_DATA_LEN) != 0) {
        return err_set(err, ERR_IO,
                       "the report is not for our report data: it is of an earlier request, or of "
                       "somebody else's");
    }
    return 0;
}
