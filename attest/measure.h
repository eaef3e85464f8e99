/*
 * Measure: the launch measurement that a guest will report, from what it is launched with (AMD
 * 56860, SNP_LAUNCH_UPDATE, PAGE_INFO).  Pure.  Hypervisors differ in how they start processors and
 * prepare memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/ovmf.h"
#include "attest/vmsa.h"
#include "common/bytes.h"
#include "common/compiler.h"

#define MEASURE_LEN 48 /* bytes, SHA-384 */
#define MEASURE_VCPUS_MAX 4096

struct measure_launch {
    const struct ovmf *ovmf;
    const uint8_t *ovmf_digest; /* MEASURE_LEN bytes of measure_ovmf(), instead of hashing the
                                   file again; NULL: none */
    bool has_kernel;            /* the firmware is handed a kernel, with hashes */
    struct bytes kernel;
    struct bytes initrd;
    const char *cmdline;     /* without kernel ignored; never NULL */
    const struct ovmf *svsm; /* exactly with VMSA_SVSM: its image; NULL: none */
    uint32_t
        variables_len; /* with an SVSM: bytes of the firmware's variables, below which it ends */
    unsigned vcpus;    /* 1 to MEASURE_VCPUS_MAX */
    enum vmsa_vmm vmm;
    uint32_t signature; /* CPUID 1 EAX of their model; QEMU and SVSM */
    uint64_t sev_features;
};

/* ERR_INVALID: a kernel, but no room for its hashes, or an SVSM that does not fit; ERR_LIMIT:
   memory. */
MUST_CHECK int measure_launch(const struct measure_launch *launch,
                              uint8_t out_digest[static MEASURE_LEN], struct err *err);

/* The digest after the firmware's pages alone. */
MUST_CHECK int measure_ovmf(const struct ovmf *ovmf, uint8_t out_digest[static MEASURE_LEN],
                            struct err *err);
