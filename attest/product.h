/*
 * Product: what differs between AMD's processor lines, and the keys of AMD that are known.
 *
 * The layout of TCB_VERSION follows the product whose root vouches for the report, never the look
 * of the report (spec: products and TCB layouts).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/claims.h"
#include "common/bytes.h"

#define TCB_LEN 8           /* bytes of a TCB_VERSION */
#define TCB_LAYOUTS 2       /* structVersion 0 and 1 */
#define TCB_SPL_MAX 9       /* SPL extensions are 1.3.6.1.4.1.3704.1.3.1 to .9 */
#define PRODUCT_HWID_MAX 64 /* bytes */

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

/* Bytes of hwID in a layout: 64 or 8. */
size_t tcb_hwid_len(unsigned layout);

/* Which SPL extension (1 to 9) stands in byte `i` of a TCB_VERSION. */
unsigned tcb_spl(unsigned layout, size_t i);

/* What byte `i` is; false if it is reserved. */
bool tcb_component(unsigned layout, size_t i, enum tcb_component *out_component);

/* Takes a TCB_VERSION apart. */
struct tcb tcb_read(unsigned layout, const uint8_t bytes[static TCB_LEN]);

/* True for the SPKI hash of an intermediate that AMD has revoked (SEV-Genoa 0x20001). */
bool product_intermediate_revoked(const uint8_t spki_sha256[static 32]);
