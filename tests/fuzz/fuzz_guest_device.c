/*
 * Fuzz: what /dev/sev-guest returns, answer and certificates, from a driver that does as it likes.
 *
 * Input: an index into `errnums` for each of three calls, exitinfo2 (8 bytes), what the
 * certificates take (4), the length of the answer (2), the answer, the certificates.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/guest_device.h"
#include "attest/little_endian.h"
#include "attest/report.h"
#include "common/err.h"
#include "tests/fuzz/fuzz.h"

#define CALLS_MAX 3
#define HEAD_LEN 17

struct driver {
    const uint8_t *head;
    const uint8_t *answer;
    size_t answer_len;
    const uint8_t *certs;
    size_t certs_len;
    unsigned num_calls;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int answer(void *context, unsigned long number, struct sev_guest_call *call)
{
    static const int errnums[] = {0, EIO, EINVAL, ENOTTY, EBADMSG, ETIMEDOUT, ENXIO};
    struct driver *driver = context;
    struct sev_guest_ext_request *request = (void *)(uintptr_t)call->req_data;
    int errnum = 0;

    if (driver->num_calls == CALLS_MAX) {
        abort();
    }
    errnum = errnums[driver->head[driver->num_calls++] % (sizeof(errnums) / sizeof(errnums[0]))];
    memcpy(&call->exitinfo2, driver->head + 3, sizeof(call->exitinfo2));
    if (errnum == 0) {
        memcpy((void *)(uintptr_t)call->resp_data, driver->answer, driver->answer_len);
    }
    if (number == SEV_GUEST_GET_EXT_REPORT) {
        size_t room = request->certs_len;

        if (room == 0 || room > SEV_GUEST_CERTS_MAX || room % SEV_GUEST_PAGE != 0) {
            abort();
        }
        if (errnum == 0) {
            memcpy((void *)(uintptr_t)request->certs_address, driver->certs,
                   smaller(driver->certs_len, room));
        }
        memcpy(&request->certs_len, driver->head + 11, sizeof(request->certs_len));
    }
    return errnum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
    static struct blobs blobs;
    struct driver driver = {.head = data, .answer = data + HEAD_LEN};
    const struct blobs_options options = {.vmpl = 0};
    const struct guest_device device = {.name = "fuzz", .answer = answer, .context = &driver};
    struct err err;

    if (len < HEAD_LEN) {
        return 0;
    }
    driver.answer_len = little_endian_read(data + 15, 2);
    driver.answer_len = smaller(smaller(driver.answer_len, SEV_GUEST_RESPONSE_LEN), len - HEAD_LEN);
    driver.certs = driver.answer + driver.answer_len;
    driver.certs_len = len - HEAD_LEN - driver.answer_len;
    memset(&blobs, 0x5a, sizeof(blobs));
    if (guest_device_ask(&device, &options, report_data, &blobs, &err) == 0 &&
        (blobs.outblob_len != REPORT_LEN || blobs.auxblob_len > SEV_GUEST_CERTS_MAX ||
         memcmp(blobs.outblob + 0x50, report_data, sizeof(report_data)) != 0)) {
        abort();
    }
    return 0;
}
