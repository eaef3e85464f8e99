/*
 * Stock: what is at hand of the things that a vendor publishes once for all chips of a product, in
 * the operator's folder and in the store, and how something fetched gets into the store.
 *
 * Everything blocks.  When to look and whom to ask is upkeep's business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ca/enrol.h"
#include "ca/vendor.h"
#include "common/compiler.h"
#include "common/verdict.h"

struct err;

/* All times are seconds since 1970; 0: not at hand, or it does not hold. */
struct stock {
    int64_t chain_from;
    int64_t chain_until;
    int64_t crl_from; /* of the list that holds longest */
    int64_t crl_until;
};

/* Of `key` only product and `vlek` count.  -1: the store does not answer. */
MUST_CHECK int stock_look(const struct enrol_authority *authority, const struct vendor_key *key,
                          int64_t now, struct stock *out_stock, struct err *err);

enum stock_put {
    STOCK_KEPT,
    STOCK_REFUSED, /* it does not hold, as the verdict says */
    STOCK_FAILED,  /* the store does not answer */
};

/* Judges a chain or a list and keeps it; from then on no list before it is accepted. */
MUST_CHECK enum stock_put stock_put(const struct enrol_authority *authority,
                                    const struct vendor_item *item, int64_t now,
                                    struct verdict *out_verdict, struct err *err);
