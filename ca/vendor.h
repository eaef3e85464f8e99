/*
 * Vendor: what the maker of the processors has published and evidence may need: which of it an
 * appraisal lacks, and how it is handed to the verifier.
 *
 * Pure: neither the store, which keeps such things, nor the key service, which gives them.  Nothing
 * here vouches for anything: the verifier judges whatever is handed to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/claims.h"
#include "attest/crl.h"
#include "attest/evidence.h"
#include "attest/tcb.h"
#include "attest/verify.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/verdict.h"

#define VENDOR_DATA_MAX CRL_DER_MAX /* bytes of one answer */
#define VENDOR_KEYS_MAX 4 /* that one appraisal can want: VCEKs of two products, chain, CRL */

enum vendor_kind {
    VENDOR_VCEK,  /* data: one certificate */
    VENDOR_CHAIN, /* data: intermediate, then root */
    VENDOR_CRL,   /* data: the root's revocation list */
};

/* What one thing is known by; the data of all kinds is DER. */
struct vendor_key {
    enum vendor_kind kind;
    enum product product;
    bool vlek;                     /* chain and list: those of provider's keys */
    uint8_t chip[CLAIMS_CHIP_LEN]; /* CHIP_ID; zero unless VENDOR_VCEK */
    uint8_t tcb[TCB_LEN];          /* REPORTED_TCB; likewise */
};

/* An answer to a key. */
struct vendor_item {
    struct vendor_key key;
    struct bytes data; /* borrowed; data NULL: there is none to be had */
};

/* "vcek", "chain", "crl". */
const char *vendor_kind_name(enum vendor_kind kind);

bool vendor_key_same(const struct vendor_key *a, const struct vendor_key *b);

/* What evidence that was refused so might need, in the order in which to look for it; how many, at
   most VENDOR_KEYS_MAX.  Nothing for evidence that fails by itself, for a chip that masks its name,
   and for a provider's key, which comes with the evidence or not at all. */
size_t vendor_wanted(const struct evidence *evidence, const struct verdict *refused,
                     struct vendor_key out_keys[static VENDOR_KEYS_MAX]);

/* True if evidence was refused by a row about things of this kind. */
bool vendor_blames(const struct verdict *refused, enum vendor_kind kind);

/* The keys under which to keep what a report was verified with.  False: its VEK has none. */
MUST_CHECK bool vendor_vcek_key(const struct evidence *evidence, const struct claims *claims,
                                struct vendor_key *out_key);
struct vendor_key vendor_common_key(enum vendor_kind kind, const struct claims *claims);

/* Collateral with something added. */
struct vendor_set {
    struct bytes certs[COLLATERAL_CERTS_MAX];
    struct bytes crls[COLLATERAL_CRLS_MAX];
    struct collateral view;
};

/* Begins with what `base` has; all of it stays borrowed. */
void vendor_set_init(struct vendor_set *set, const struct collateral *base);

/* Adds what is in `item`; what cannot be told apart is added as it is, for the verifier to refuse.
   False: no room. */
MUST_CHECK bool vendor_set_add(struct vendor_set *set, const struct vendor_item *item);
