/*
 * Published: what a vendor publishes once for all chips of a product, judged without evidence: the
 * intermediate and the root by rows 22 to 35 and 64 of the evidence table, a revocation list by
 * rows 56 to 62.
 *
 * So that it can be fetched ahead and kept: evidence that is judged with it goes through all rows
 * again.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attest/verify.h"
#include "common/bytes.h"
#include "common/compiler.h"

/* All borrowed. */
struct published {
    enum product product;
    bool vlek; /* those for providers' keys */
    const struct collateral
        *certs;       /* intermediate and root among others; lists are not looked at */
    struct bytes crl; /* DER; data NULL: only the chain is judged */
};

struct published_terms {
    int64_t chain_from; /* seconds since 1970: when the intermediate begins, and the first ends */
    int64_t chain_until;
    int64_t crl_from; /* thisUpdate and nextUpdate */
    int64_t crl_until;
    struct crl_mark mark; /* of the list, for a caller that keeps it */
};

/* `options` as for evidence, but for what only evidence has.  False: refused by the first row that
   fails; of several intermediates, for the first. */
MUST_CHECK bool published_judge(const struct published *published,
                                const struct verify_options *options,
                                struct published_terms *out_terms, struct verdict *out_verdict);
