/*
 * Ear: writing.  Map keys stand in the order of RFC 8949 section 4.2.1.
 */
#include "common/ear.h"

#include <assert.h>

#include "common/cbor.h"
#include "common/ear_label.h"
#include "common/err.h"

const struct ear_component ear_components[EAR_TCB_COMPONENTS] = {
    {"fmc", 4}, {"snp", 2}, {"tee", 1}, {"microcode", 3}, {"bootloader", 0},
};

static bool put_vector(const struct ear *ear, struct buf *out)
{
    size_t num = 2U + (ear->instance_identified ? 1 : 0) + (ear->genuine ? 2 : 0);
    bool fits = cbor_put_uint(out, EAR_LABEL_VECTOR) && cbor_put_map(out, num);

    if (ear->instance_identified) {
        fits = fits && cbor_put_uint(out, AR4SI_INSTANCE) && cbor_put_uint(out, AR4SI_AFFIRMED);
    }
    fits = fits && cbor_put_uint(out, AR4SI_CONFIGURATION) && cbor_put_uint(out, AR4SI_AFFIRMED) &&
           cbor_put_uint(out, AR4SI_EXECUTABLES) && cbor_put_uint(out, AR4SI_BOOT_TIME_ONLY);
    if (ear->genuine) {
        fits = fits && cbor_put_uint(out, AR4SI_HARDWARE) && cbor_put_uint(out, AR4SI_AFFIRMED) &&
               cbor_put_uint(out, AR4SI_RUNTIME_OPAQUE) && cbor_put_uint(out, AR4SI_AFFIRMED);
    }
    return fits;
}

static bool put_tcb(const struct ear *ear, struct buf *out)
{
    size_t num = 0;
    bool fits = true;

    for (unsigned i = 0; i < EAR_TCB_COMPONENTS; i++) {
        num += ear->tcb_present[i] ? 1 : 0;
    }
    fits = cbor_put_text(out, "tcb") && cbor_put_map(out, num);
    for (unsigned i = 0; fits && i < EAR_TCB_COMPONENTS; i++) {
        if (ear->tcb_present[ear_components[i].index]) {
            fits = cbor_put_text(out, ear_components[i].name) &&
                   cbor_put_uint(out, ear->tcb[ear_components[i].index]);
        }
    }
    return fits;
}

static bool put_claims(const struct ear *ear, struct buf *out)
{
    return cbor_put_uint(out, EAR_LABEL_CLAIMS) && cbor_put_map(out, 5) && put_tcb(ear, out) &&
           cbor_put_text(out, "tee") && cbor_put_text(out, ear->tee) &&
           cbor_put_text(out, "epoch") && cbor_put_uint(out, ear->epoch) &&
           cbor_put_text(out, "measurement") &&
           cbor_put_bytes(out, (struct bytes){ear->measurement, ear->measurement_len}) &&
           cbor_put_text(out, "guest_policy") && cbor_put_uint(out, ear->guest_policy);
}

static bool put_uccs(const struct ear *ear, struct buf *out)
{
    return cbor_put_tag(out, EAR_TAG_UCCS) && cbor_put_map(out, 4) &&
           cbor_put_uint(out, EAR_LABEL_IAT) && cbor_put_int(out, ear->iat) &&
           cbor_put_uint(out, EAR_LABEL_PROFILE) && cbor_put_text(out, EAR_PROFILE_04) &&
           cbor_put_uint(out, EAR_LABEL_SUBMODS) && cbor_put_map(out, 1) &&
           cbor_put_text(out, EAR_SUBMODULE) && cbor_put_map(out, 4) &&
           cbor_put_uint(out, EAR_LABEL_STATUS) && cbor_put_uint(out, ear->status) &&
           put_vector(ear, out) && cbor_put_uint(out, EAR_LABEL_POLICY_IDS) &&
           cbor_put_array(out, 1) && cbor_put_text(out, ear->policy_id) && put_claims(ear, out) &&
           cbor_put_uint(out, EAR_LABEL_VERIFIER) && cbor_put_map(out, 2) &&
           cbor_put_uint(out, 0) && cbor_put_text(out, EAR_DEVELOPER) && cbor_put_uint(out, 1) &&
           cbor_put_text(out, ear->verifier_build);
}

int ear_encode(const struct ear *ear, struct buf *out, struct err *err)
{
    uint8_t storage[EAR_CMW_MAX];
    struct buf uccs = buf_over(storage, sizeof(storage));
    size_t before = out->len;

    assert(ear->measurement_len <= sizeof(ear->measurement));
    if (!put_uccs(ear, &uccs) || !cbor_put_array(out, 3) ||
        !cbor_put_uint(out, EAR_CMW_TYPE_UCCS) ||
        !cbor_put_bytes(out, (struct bytes){uccs.data, uccs.len}) ||
        !cbor_put_uint(out, EAR_CMW_IND_RESULT)) {
        out->len = before;
        return err_set(err, ERR_LIMIT, "attestation result does not fit");
    }
    return 0;
}
