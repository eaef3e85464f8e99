/*
 * Kds: the addresses at AMD's key service (AMD 57230) of what a report needs to be verified.
 *
 * Text only: nobody here asks the service.
 */
#pragma once

#include <stdbool.h>

#include "attest/claims.h"
#include "attest/report.h"
#include "attest/tcb.h"
#include "common/buf.h"
#include "common/compiler.h"

#define KDS_BASE "https://kdsintf.amd.com"
#define KDS_URL_MAX 320 /* bytes, without NUL */

/* Appends where the VCEK of a chip (CHIP_ID) and a TCB lies, from the service's root on.  False if
   it does not fit. */
MUST_CHECK bool kds_vcek_path(enum product product, const uint8_t chip[static CLAIMS_CHIP_LEN],
                              const uint8_t tcb[static TCB_LEN], struct buf *out);

/* Appends where a product's "cert_chain" or "crl" lies, for chips' keys or for providers'. */
MUST_CHECK bool kds_common_path(enum product product, bool vlek, const char *what, struct buf *out);

/* Appends the address of the VCEK of this chip and REPORTED_TCB.  False if there is none: the chip
   is masked or the product not AMD's; or if it does not fit. */
MUST_CHECK bool kds_vcek_url(struct report report, enum product product, struct buf *out);

/* Appends the address of the product's chain (ASK, then ARK; PEM).  False as above. */
MUST_CHECK bool kds_chain_url(enum product product, struct buf *out);
