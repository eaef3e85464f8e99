/*
 * Vmsa: offsets and values.
 */
#include "attest/vmsa.h"

#include <stddef.h>
#include <string.h>

#include "attest/little_endian.h"

/* In what hypervisors differ. */
static const struct start {
    uint16_t cs_first; /* attributes; of the bootstrap processor */
    uint16_t cs_other;
    uint16_t ss;
    uint16_t tr;
    uint64_t pat;
    uint32_t rdx; /* 0: the model's signature */
    uint32_t mxcsr;
    uint16_t x87_control;
    uint8_t cr0;
    bool flat; /* 32-bit protected mode, as an SVSM is entered; else real mode */
} starts[] = {
    // clang-format off
    [VMSA_QEMU] = {0x9b,  0x9b,  0x93,  0x8b, UINT64_C(0x7040600070406), 0,     0x1f80, 0x37f, 0x10, false},
    [VMSA_EC2]  = {0x9a,  0x9b,  0x92,  0x83, UINT64_C(0x7040600070406), 0x600, 0,      0,     0x10, false},
    [VMSA_GCE]  = {0x9b,  0x9b,  0x93,  0x8b, UINT64_C(0x70106),         0x600, 0,      0,     0x10, false},
    [VMSA_SVSM] = {0xc9b, 0xc9b, 0xc93, 0x8b, UINT64_C(0x7040600070406), 0,     0x1f80, 0,     0x11, true},
    // clang-format on
};

struct segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};

static void put_segment(uint8_t *page, size_t offset, struct segment segment)
{
    little_endian_write(page + offset, segment.selector, 2);
    little_endian_write(page + offset + 2, segment.attributes, 2);
    little_endian_write(page + offset + 4, segment.limit, 4);
    little_endian_write(page + offset + 8, segment.base, 8);
}

static void put_segments(const struct vmsa *vmsa, const struct start *start, uint8_t *page)
{
    const uint32_t limit = start->flat ? 0xffffffff : 0xffff;
    const struct segment data = {start->flat ? 0x10 : 0, start->flat ? 0xc93 : 0x93, limit, 0};
    const struct segment stack = {data.selector, start->ss, limit, 0};
    const struct segment code = {
        start->flat ? 8 : 0xf000,
        vmsa->eip == VMSA_EIP_FIRST ? start->cs_first : start->cs_other,
        limit,
        start->flat ? 0 : vmsa->eip & 0xffff0000,
    };

    put_segment(page, 0x000, data); /* es */
    put_segment(page, 0x010, code);
    put_segment(page, 0x020, stack);
    put_segment(page, 0x030, data);                                 /* ds */
    put_segment(page, 0x040, data);                                 /* fs */
    put_segment(page, 0x050, (struct segment){0, 0x93, 0xffff, 0}); /* gs */
    put_segment(page, 0x060, (struct segment){0, 0, 0xffff, 0});    /* gdtr */
    put_segment(page, 0x070, (struct segment){0, 0x82, 0xffff, 0}); /* ldtr */
    put_segment(page, 0x080, (struct segment){0, 0, 0xffff, 0});    /* idtr */
    put_segment(page, 0x090, (struct segment){0, start->tr, 0xffff, 0});
}

void vmsa_write(const struct vmsa *vmsa, uint8_t out_page[static VMSA_LEN])
{
    const struct start *start = &starts[vmsa->vmm];

    memset(out_page, 0, VMSA_LEN);
    put_segments(vmsa, start, out_page);
    little_endian_write(out_page + 0x0d0, 0x1000, 8); /* efer: SVME */
    little_endian_write(out_page + 0x148, 0x40, 8);   /* cr4: MCE */
    little_endian_write(out_page + 0x158, start->cr0, 8);
    little_endian_write(out_page + 0x160, 0x400, 8);      /* dr7 */
    little_endian_write(out_page + 0x168, 0xffff0ff0, 8); /* dr6 */
    little_endian_write(out_page + 0x170, 0x2, 8);        /* rflags */
    little_endian_write(out_page + 0x178, start->flat ? vmsa->eip : vmsa->eip & 0xffff, 8);
    little_endian_write(out_page + 0x268, start->pat, 8);
    little_endian_write(out_page + 0x310, start->rdx != 0 ? start->rdx : vmsa->signature, 8);
    little_endian_write(out_page + 0x3b0, vmsa->sev_features, 8);
    little_endian_write(out_page + 0x3e8, 1, 8); /* xcr0 */
    little_endian_write(out_page + 0x408, start->mxcsr, 4);
    little_endian_write(out_page + 0x410, start->x87_control, 2);
}

/* Nothing, or a hyphen, a v and a number: versions of a model differ in features, not in family,
   model and stepping. */
static bool is_version(const char *text)
{
    size_t digits = 0;

    if (text[0] == '\0') {
        return true;
    }
    if (text[0] != '-' || text[1] != 'v') {
        return false;
    }
    digits = strspn(text + 2, "0123456789");
    return digits > 0 && digits <= 2 && text[2 + digits] == '\0';
}

uint32_t vmsa_signature(const char *model)
{
    static const struct {
        const char *model;
        uint32_t signature;
    } models[] = {
        {"EPYC", 0x800f12},       {"EPYC-IBPB", 0x800f12},  {"EPYC-Rome", 0x830f10},
        {"EPYC-Milan", 0xa00f11}, {"EPYC-Genoa", 0xa10f10}, {"EPYC-Turin", 0xb00f00},
    };

    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        size_t len = strlen(models[i].model);

        if (strncmp(models[i].model, model, len) == 0 && is_version(model + len)) {
            return models[i].signature;
        }
    }
    return 0;
}
