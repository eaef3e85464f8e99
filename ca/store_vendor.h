/*
 * Store_vendor: the part of the store that remembers what the vendor has published: certificates by
 * product, chip and TCB, chains and revocation lists by product.
 *
 * A cache of what held once: whoever takes something from it has it verified again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ca/store.h"
#include "ca/vendor.h"
#include "common/buf.h"
#include "common/compiler.h"

#define STORE_VENDOR_MAX 4096 /* rows; certificates of chips that were kept first go first */

/* Appends what is kept under `key`, of at most VENDOR_DATA_MAX bytes, to `out`.  ERR_IO if the
   database does not answer, ERR_LIMIT if there is no room. */
MUST_CHECK int store_vendor_find(struct store *store, const struct vendor_key *key, struct buf *out,
                                 bool *out_found, struct err *err);

/* True if anything is kept of the chip, under whichever TCB. */
MUST_CHECK int store_vendor_knows(struct store *store, const struct vendor_key *key,
                                  bool *out_known, struct err *err);

/* Keeps `data` until `not_after` (seconds since 1970) in the place of what was there, unless that
   is a list that ends later; writes nothing if it is there already. */
MUST_CHECK int store_vendor_keep(struct store *store, const struct vendor_item *item, int64_t now_s,
                                 int64_t not_after, struct err *err);
