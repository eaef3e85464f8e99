/*
 * Fuzz: the tables at the end of an image of a firmware or an SVSM, and the measurement of what
 * they say.
 */
#include <assert.h>

#include "attest/measure.h"
#include "attest/ovmf.h"
#include "common/err.h"
#include "tests/fuzz/fuzz.h"

#define MEASURED_MAX ((size_t)1024 * 1024) /* bytes of sections: more is only slow */

static bool is_sound(const struct ovmf *image, size_t len)
{
    size_t sum = 0;

    assert(len % OVMF_PAGE == 0 && image->num_sections <= OVMF_SECTIONS_MAX);
    for (size_t i = 0; i < image->num_sections; i++) {
        assert(image->sections[i].size % OVMF_PAGE == 0 && image->sections[i].size > 0);
        sum += image->sections[i].size;
    }
    return sum <= MEASURED_MAX;
}

static void measure(const struct ovmf *ovmf, const struct ovmf *svsm)
{
    struct measure_launch launch = {
        .ovmf = ovmf,
        .svsm = svsm,
        .has_kernel = svsm == NULL && ovmf->file.data[0] % 2 == 0,
        .cmdline = "",
        .vcpus = 2,
        .vmm = svsm != NULL ? VMSA_SVSM : (enum vmsa_vmm)(ovmf->file.data[0] % VMSA_SVSM),
        .signature = 0x800f12,
        .sev_features = 1,
    };
    uint8_t digest[MEASURE_LEN];
    struct err err = {0};

    if (measure_launch(&launch, digest, &err) != 0) {
        assert(launch.has_kernel && err.code == ERR_INVALID);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes file = {data, len};
    struct ovmf ovmf;
    struct ovmf svsm;
    struct err err = {0};
    bool is_ovmf = ovmf_read(file, &ovmf, &err) == 0;

    assert(is_ovmf || (err.code == ERR_INVALID && err.msg[0] != '\0'));
    if (is_ovmf && is_sound(&ovmf, len)) {
        measure(&ovmf, NULL);
    }
    if (ovmf_read_svsm(file, &svsm, &err) == 0) {
        assert(svsm.svsm_entry < len);
        if (is_sound(&svsm, len)) {
            measure(&svsm, &svsm);
        }
    }
    return 0;
}
