/*
 * Fuzz: the tables at the end of a firmware image.
 */
#include <assert.h>

#include "attest/ovmf.h"
#include "common/err.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ovmf ovmf;
    struct err err = {0};

    if (ovmf_read((struct bytes){data, len}, &ovmf, &err) != 0) {
        assert(err.code == ERR_INVALID && err.msg[0] != '\0');
        return 0;
    }
    assert(len % OVMF_PAGE == 0 && ovmf.num_sections <= OVMF_SECTIONS_MAX);
    for (size_t i = 0; i < ovmf.num_sections; i++) {
        assert(ovmf.sections[i].size % OVMF_PAGE == 0 && ovmf.sections[i].size > 0);
    }
    return 0;
}
