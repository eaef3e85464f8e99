/*
 * Product: what differs between AMD's processor lines, and the keys of AMD that are known.
 *
 * Which layout a TCB_VERSION has (attest/tcb.h) follows the product whose root vouches for the
 * report, never the look of the report.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/claims.h"
#include "attest/tcb.h"
#include "common/bytes.h"

struct product_info {
    const char *name;    /* of the certificates: "Milan" in ARK-Milan, SEV-Milan, SEV-VLEK-Milan */
    unsigned layout_min; /* structVersion from */
    unsigned layout_max; /* to */
    bool stepping;       /* productName may end in a stepping, "Milan-B0" */
};

const struct product_info *product_info(enum product product);

/* Finds a product by the name in its certificates.  False if there is none. */
bool product_find(const char *name, enum product *out_product);

/* The product of a CPUID family (extended and base added) and model.  False: not in the table. */
bool product_by_cpuid(unsigned family, unsigned model, enum product *out_product);

/* True if the VEK extension productName fits: "Milan", "Milan-B0". */
bool product_name_fits(enum product product, struct bytes name);

/* True for the SPKI hash of an intermediate that AMD has revoked (SEV-Genoa 0x20001). */
bool product_intermediate_revoked(const uint8_t spki_sha256[static 32]);
