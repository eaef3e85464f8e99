/*
 * Issue: the attested leaf: what the policy granted and what the evidence proved, in one
 * certificate that lives as long as the grant says.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

#include "attest/claims.h"
#include "attest/policy.h"
#include "ca/profile.h"
#include "common/buf.h"
#include "common/compiler.h"

struct err;

#define ISSUE_BACKDATE_S 60 /* notBefore is this far in the past, for clocks that lag */

/* Who signs; borrowed. */
struct issuer {
    X509 *cert;
    EVP_PKEY *key;
};

/* All borrowed for the call. */
struct issue_request {
    EVP_PKEY *key;
    const struct claims *claims;
    const struct policy_ca *ca;
    const struct policy_grant *grant;
    int64_t now; /* seconds since 1970 */
};

struct issued {
    uint8_t serial[PROFILE_SERIAL_LEN];
    int64_t not_after; /* seconds since 1970; never after the issuer's */
};

/* Appends the leaf's DER to `out`.  ERR_DENIED if the issuing CA itself has expired. */
MUST_CHECK int issue_leaf(const struct issuer *issuer, const struct issue_request *request,
                          struct issued *out_issued, struct buf *out, struct err *err);
