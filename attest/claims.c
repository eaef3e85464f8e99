/*
 * Claims: names.
 */
#include "attest/claims.h"

#include <assert.h>

const char *tee_name(enum tee tee)
{
    static const char *const names[] = {
        [TEE_SNP] = "snp",
        [TEE_TDX] = "tdx",
        [TEE_SIM] = "sim",
    };

    assert(tee <= TEE_SIM);
    return names[tee];
}

const char *product_name(enum product product)
{
    static const char *const names[] = {
        [PRODUCT_MILAN] = "milan",
        [PRODUCT_GENOA] = "genoa",
        [PRODUCT_TURIN] = "turin",
        [PRODUCT_SIM] = "sim",
    };

    assert(product <= PRODUCT_SIM);
    return names[product];
}

const char *tcb_component_name(enum tcb_component component)
{
    static const char *const names[TCB_COMPONENTS] = {
        [TCB_BOOTLOADER] = "bootloader", [TCB_TEE] = "tee", [TCB_SNP] = "snp",
        [TCB_MICROCODE] = "microcode",   [TCB_FMC] = "fmc",
    };

    assert(component < TCB_COMPONENTS);
    return names[component];
}
