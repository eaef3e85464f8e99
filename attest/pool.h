/*
 * Pool: every certificate at hand for one appraisal, from the evidence, its certificate table and
 * the collateral, and the search for those that belong together.
 *
 * The content of a certificate decides what it is; file names and table slots prove nothing.  What
 * is found is only a candidate: attest/rule_chain.c judges it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/evidence.h"
#include "attest/table.h"
#include "attest/verify.h"
#include "common/compiler.h"

struct pool; /* opaque */

/* Reads all certificates.  `table` has passed its checks, or is empty.  NULL: no memory; the size
   of the allocation is fixed. */
struct pool *pool_new(const struct evidence *evidence, const struct table *table,
                      const struct collateral *collateral);
void pool_free(struct pool *pool); /* accepts NULL */

/* The first certificate that could not be read; CERT_OK: there was none. */
enum cert_status pool_unreadable(const struct pool *pool);

/* How many could be read, each counted once. */
size_t pool_num_certs(const struct pool *pool);

/* Walks the VEK candidates: evidence, table, collateral.  Start with `*cursor` 0; NULL at the end.
 */
const struct cert *pool_next_vek(const struct pool *pool, size_t *cursor);

/* Walks the certificates, collateral first, whose subject is `vek`'s issuer.  As above. */
const struct cert *pool_next_issuer(const struct pool *pool, const struct cert *vek,
                                    size_t *cursor);

/* Walks the intermediate certificates, collateral first.  As above. */
const struct cert *pool_next_intermediate(const struct pool *pool, size_t *cursor);

/* Any intermediate certificate, collateral first: what is judged if no name fits.  May be NULL. */
const struct cert *pool_any_intermediate(const struct pool *pool);

/* The revocation lists that could be read: those of the collateral, then of the table. */
size_t pool_num_crls(const struct pool *pool);
const struct crl *pool_crl(const struct pool *pool, size_t i);

/* True if there was one that could not be read. */
bool pool_crl_unreadable(const struct pool *pool);

/* What was found of an intermediate's root. */
enum pool_root { ROOT_FOUND, ROOT_MISSING, ROOT_NOT_PINNED };

/* Finds the anchor's certificate for `ask`.  The outputs are set only by ROOT_FOUND. */
enum pool_root pool_find_root(const struct pool *pool, const struct cert *ask,
                              const struct verify_options *options, const struct cert **out_ark,
                              const struct anchor **out_anchor);
