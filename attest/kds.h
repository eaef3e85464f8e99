/*
 * Kds: the addresses at AMD's key service (AMD 57230) of what a report needs to be verified.
 *
 * Text only: nobody here asks the service.
 */
#pragma once

#include <stdbool.h>

#include "attest/claims.h"
#include "attest/report.h"
#include "common/buf.h"
#include "common/compiler.h"

#define KDS_BASE "https://kdsintf.amd.com"
#define KDS_URL_MAX 320 /* bytes, without NUL */

/* Appends the address of the VCEK of this chip and REPORTED_TCB.  False if there is none: the chip
   is masked or the product not AMD's; or if it does not fit. */
MUST_CHECK bool kds_vcek_url(struct report report, enum product product, struct buf *out);

/* Appends the address of the product's chain (ASK, then ARK; PEM).  False as above. */
MUST_CHECK bool kds_chain_url(enum product product, struct buf *out);
