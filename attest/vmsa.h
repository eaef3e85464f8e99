/*
 * Vmsa: the state that a virtual processor starts with, as the page that is measured (AMD 24593,
 * "VMCB Layout, State Save Area" for SEV-ES; the values are the hypervisors').
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VMSA_LEN 4096 /* bytes */

enum vmsa_vmm {
    VMSA_QEMU,
    VMSA_EC2, /* public tools disagree; not seen on hardware */
    VMSA_GCE,
    VMSA_SVSM, /* QEMU, with an SVSM that all processors begin in */
};

struct vmsa {
    enum vmsa_vmm vmm;
    uint32_t eip;          /* where it begins */
    uint32_t signature;    /* CPUID 1 EAX of the processor's model; QEMU and SVSM */
    uint64_t sev_features; /* bit 0: SNP */
};

void vmsa_write(const struct vmsa *vmsa, uint8_t out_page[static VMSA_LEN]);

#define VMSA_EIP_FIRST 0xfffffff0U /* of the bootstrap processor */

/* CPUID 1 EAX of a model of QEMU's in any version, such as "EPYC-v4"; 0: unknown. */
uint32_t vmsa_signature(const char *model);
