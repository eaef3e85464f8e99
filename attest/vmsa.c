/*
 * Vmsa: offsets and values.
 */
#include "attest/vmsa.h"

#include <stddef.h>
#include <string.h>

static void put(uint8_t *page, size_t offset, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        page[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

/* selector, attributes, limit, base */
static void put_segment(uint8_t *page, size_t offset, uint16_t selector, uint16_t attributes,
                        uint64_t base)
{
    put(page, offset, selector, 2);
    put(page, offset + 2, attributes, 2);
    put(page, offset + 4, 0xffff, 4);
    put(page, offset + 8, base, 8);
}

static void put_segments(const struct vmsa *vmsa, uint8_t *page)
{
    put_segment(page, 0x000, 0, 0x93, 0); /* es */
    put_segment(page, 0x010, 0xf000, 0x9b, vmsa->eip & 0xffff0000);
    put_segment(page, 0x020, 0, 0x93, 0); /* ss */
    put_segment(page, 0x030, 0, 0x93, 0); /* ds */
    put_segment(page, 0x040, 0, 0x93, 0); /* fs */
    put_segment(page, 0x050, 0, 0x93, 0); /* gs */
    put_segment(page, 0x060, 0, 0, 0);    /* gdtr */
    put_segment(page, 0x070, 0, 0x82, 0); /* ldtr */
    put_segment(page, 0x080, 0, 0, 0);    /* idtr */
    put_segment(page, 0x090, 0, 0x8b, 0); /* tr */
}

void vmsa_write(const struct vmsa *vmsa, uint8_t out_page[static VMSA_LEN])
{
    bool qemu = vmsa->vmm == VMSA_QEMU;
    uint64_t pat = qemu ? UINT64_C(0x0007040600070406) : UINT64_C(0x0000000000070106);

    memset(out_page, 0, VMSA_LEN);
    put_segments(vmsa, out_page);
    put(out_page, 0x0d0, 0x1000, 8);     /* efer: SVME */
    put(out_page, 0x148, 0x40, 8);       /* cr4: MCE */
    put(out_page, 0x158, 0x10, 8);       /* cr0: ET */
    put(out_page, 0x160, 0x400, 8);      /* dr7 */
    put(out_page, 0x168, 0xffff0ff0, 8); /* dr6 */
    put(out_page, 0x170, 0x2, 8);        /* rflags */
    put(out_page, 0x178, vmsa->eip & 0xffff, 8);
    put(out_page, 0x268, pat, 8);
    put(out_page, 0x310, qemu ? vmsa->signature : 0x600, 8); /* rdx */
    put(out_page, 0x3b0, vmsa->sev_features, 8);
    put(out_page, 0x3e8, 1, 8);                 /* xcr0 */
    put(out_page, 0x408, qemu ? 0x1f80 : 0, 4); /* mxcsr */
    put(out_page, 0x410, qemu ? 0x37f : 0, 2);  /* x87 control word */
}

uint32_t vmsa_signature(const char *model)
{
    static const struct {
        const char *model;
        uint32_t signature;
    } models[] = {
        {"EPYC", 0x800f12},          {"EPYC-v1", 0x800f12},      {"EPYC-v2", 0x800f12},
        {"EPYC-v3", 0x800f12},       {"EPYC-v4", 0x800f12},      {"EPYC-IBPB", 0x800f12},
        {"EPYC-Rome", 0x830f10},     {"EPYC-Rome-v1", 0x830f10}, {"EPYC-Rome-v2", 0x830f10},
        {"EPYC-Rome-v3", 0x830f10},  {"EPYC-Milan", 0xa00f11},   {"EPYC-Milan-v1", 0xa00f11},
        {"EPYC-Milan-v2", 0xa00f11}, {"EPYC-Genoa", 0xa10f10},   {"EPYC-Genoa-v1", 0xa10f10},
        {"EPYC-Turin", 0xb00f00},
    };

    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (strcmp(models[i].model, model) == 0) {
            return models[i].signature;
        }
    }
    return 0;
}
