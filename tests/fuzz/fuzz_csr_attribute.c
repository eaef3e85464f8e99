/*
 * Fuzz: the attestation bundle of a CSR, and the tsm-report alone.  What was taken must survive
 * being written and read again.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "attest/bundle.h"
#include "attest/tsm.h"
#include "common/err.h"

static bool same(struct bytes a, struct bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void check_same(const struct evidence *a, const struct evidence *b)
{
    bool all = same(a->provider, b->provider) && same(a->outblob, b->outblob) &&
               same(a->auxblob, b->auxblob) && same(a->manifestblob, b->manifestblob) &&
               same(a->service_provider, b->service_provider) && a->num_certs == b->num_certs;

    assert(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t storage[BUNDLE_LEN_MAX + TSM_LEN_MAX];
    const struct bytes input = {data, len};
    struct buf out = buf_over(storage, sizeof(storage));
    struct evidence evidence;
    struct evidence again;
    struct verdict verdict = {0};
    struct err err;

    /* The provider may lose a line feed in each reading, so one that ends in it is left alone. */
    if (bundle_decode(input, &evidence, &verdict)) {
        if (bundle_encode(&evidence, &out, &err) == 0 &&
            bundle_decode((struct bytes){out.data, out.len}, &again, &verdict) &&
            again.provider.len == evidence.provider.len) {
            check_same(&evidence, &again);
        }
    } else {
        assert(verdict.slug != NULL);
    }
    out.len = 0;
    if (tsm_decode(input, &evidence, &verdict) && tsm_encode(&evidence, &out, &err) == 0 &&
        tsm_decode((struct bytes){out.data, out.len}, &again, &verdict) &&
        again.provider.len == evidence.provider.len) {
        check_same(&evidence, &again);
    }
    return 0;
}
