/*
 * Tcb: the table of the layouts.
 */
#include "attest/tcb.h"

#include <assert.h>

// clang-format off
/* Byte of TCB_VERSION: its SPL extension, and what it is (TCB_COMPONENTS: reserved). */
static const struct {
    uint8_t spl;
    enum tcb_component component;
} layouts[TCB_LAYOUTS][TCB_LEN] = {
    {{1, TCB_BOOTLOADER}, {2, TCB_TEE}, {4, TCB_COMPONENTS}, {5, TCB_COMPONENTS},
     {6, TCB_COMPONENTS}, {7, TCB_COMPONENTS}, {3, TCB_SNP}, {8, TCB_MICROCODE}},
    {{9, TCB_FMC}, {1, TCB_BOOTLOADER}, {2, TCB_TEE}, {3, TCB_SNP},
     {5, TCB_COMPONENTS}, {6, TCB_COMPONENTS}, {7, TCB_COMPONENTS}, {8, TCB_MICROCODE}},
};
// clang-format on

size_t tcb_hwid_len(unsigned layout)
{
    return layout == 0 ? 64 : 8;
}

unsigned tcb_spl(unsigned layout, size_t i)
{
    assert(layout < TCB_LAYOUTS && i < TCB_LEN);
    return layouts[layout][i].spl;
}

bool tcb_component(unsigned layout, size_t i, enum tcb_component *out_component)
{
    assert(layout < TCB_LAYOUTS && i < TCB_LEN);
    if (layouts[layout][i].component == TCB_COMPONENTS) {
        return false;
    }
    *out_component = layouts[layout][i].component;
    return true;
}

struct tcb tcb_read(unsigned layout, const uint8_t bytes[static TCB_LEN])
{
    struct tcb tcb = {0};

    for (size_t i = 0; i < TCB_LEN; i++) {
        enum tcb_component component;

        if (tcb_component(layout, i, &component)) {
            tcb.value[component] = bytes[i];
            tcb.present[component] = true;
        }
    }
    return tcb;
}
