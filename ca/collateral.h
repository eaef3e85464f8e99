/*
 * Collateral: the folder of vendor certificates that an operator keeps for the authority.
 */
#pragma once

#include <stddef.h>

#include "attest/verify.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

/* Of the folder: the rest of what a verifier takes is for what comes from elsewhere. */
#define COLLATERAL_FOLDER_CERTS_MAX 63
#define COLLATERAL_FOLDER_CRLS_MAX 16

/* Certificates as DER, and the view of them that the verifier takes. */
struct collateral_set {
    struct bytes certs[COLLATERAL_CERTS_MAX]; /* owned, but for what was lent */
    size_t num_owned;
    struct bytes crls[COLLATERAL_CRLS_MAX]; /* owned */
    size_t num_crls;
    struct collateral view;
};

/* Reads every *.pem (all certificates in it), *.der and *.crl (revocation lists, DER) of `dir`
   (NULL: none), in the order of their names, and puts `lent` (data NULL: none; must outlive the
   set) behind the certificates.  A file that is no such thing and one too many are ERR_INVALID.
   Blocks. */
MUST_CHECK int collateral_load(const char *dir, struct bytes lent, struct collateral_set *out_set,
                               struct err *err);
void collateral_deinit(struct collateral_set *set);
