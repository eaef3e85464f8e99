/*
 * Supply: what an appraisal is given to judge evidence with: the operator's collateral, then what
 * the store has kept, then what was fetched for this request; each only once evidence was refused
 * for want of it.
 *
 * Reads the store, so it blocks; asks nobody else.
 */
#pragma once

#include <stdbool.h>

#include "attest/policy.h"
#include "ca/store.h"
#include "ca/vendor.h"
#include "common/compiler.h"

struct err;
struct supply; /* opaque */

#define SUPPLY_ITEMS_MAX 6 /* of each source: what two products can have */

struct supply_options {
    const struct policy *policy; /* what could match no workload is not looked for */
    const struct collateral *collateral;
    struct store *store;
    const struct vendor_item *fetched; /* a copy is not made */
    size_t num_fetched;
};

enum supply_next {
    SUPPLY_MORE,    /* something was added: appraise again */
    SUPPLY_LACKING, /* only the vendor can have what is wanted now */
    SUPPLY_ALL,     /* nothing else could help */
    SUPPLY_FAILED,  /* the store does not answer, as `err` says */
};

/* All borrowed.  NULL: out of memory. */
struct supply *supply_new(const struct supply_options *options);
void supply_free(struct supply *supply); /* accepts NULL */

/* What to appraise with; changes with supply_next(). */
const struct collateral *supply_collateral(const struct supply *supply);

/* Looks for what evidence that was refused so might need; SUPPLY_LACKING fills `out_key`. */
MUST_CHECK enum supply_next supply_next(struct supply *supply, const struct evidence *evidence,
                                        const struct verdict *refused, struct vendor_key *out_key,
                                        struct err *err);

/* Keeps what evidence was accepted with in the store.  -1: not all of it, which does no harm. */
MUST_CHECK int supply_keep(struct store *store, const struct evidence *evidence,
                           const struct claims *claims, const struct verify_chain *chain,
                           int64_t now_s, struct err *err);
