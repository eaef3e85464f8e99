/*
 * Fuzz: the tsm-report in JSON.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>

#include "attest/tsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t storage[TSM_LEN_MAX];
    struct buf room = buf_over(storage, sizeof(storage));
    struct evidence evidence;
    struct verdict verdict = {0};

    if (tsm_decode_json((struct bytes){data, len}, &room, &evidence, &verdict)) {
        assert(evidence.outblob.len >= 1 && evidence.outblob.len <= EVIDENCE_BLOB_MAX);
    } else {
        assert(verdict.slug != NULL);
    }
    return 0;
}
