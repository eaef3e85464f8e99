/*
 * Fuzz: the attestation result of a certificate.  What was taken can be written again.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "common/ear.h"
#include "common/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t storage[EAR_CMW_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    struct ear ear = {0};
    struct ear again = {0};
    struct err err = {0};

    if (ear_decode((struct bytes){data, len}, &ear, &err) != 0) {
        assert(err.code == ERR_INVALID);
        return 0;
    }
    if (ear_encode(&ear, &out, &err) == 0) {
        int rc = ear_decode((struct bytes){out.data, out.len}, &again, &err);

        assert(rc == 0 && again.epoch == ear.epoch && strcmp(again.tee, ear.tee) == 0);
    }
    return 0;
}
