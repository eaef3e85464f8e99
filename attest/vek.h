/*
 * Vek: AMD's extensions of a VCEK or VLEK certificate (OID 1.3.6.1.4.1.3704.1), found by whole OID
 * and not yet judged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attest/cert.h"
#include "attest/product.h"
#include "common/bytes.h"

/* Contents of the extnValue OCTET STRINGs, views of the certificate; data NULL: absent. */
struct vek {
    struct bytes struct_version;       /* INTEGER */
    struct bytes product_name;         /* IA5String */
    struct bytes spl[TCB_SPL_MAX + 1]; /* by the last arc of the OID, 1 to 9; INTEGER */
    struct bytes hwid;                 /* raw, no inner tag */
    struct bytes csp;                  /* IA5String */
    bool spl_unknown;                  /* an SPL with another last arc */
};

struct vek vek_read(const struct cert *cert);

/* True if `cert` has any extension of AMD's. */
bool vek_looks_like(const struct cert *cert);

/* An INTEGER 0 to 255 in DER, and nothing behind it. */
bool vek_uint8(struct bytes value, uint8_t *out_number);

/* An IA5String in DER, and nothing behind it. */
bool vek_text(struct bytes value, struct bytes *out_text);
