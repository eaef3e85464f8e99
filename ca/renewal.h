/*
 * Renewal: whose certificate an enrolment renews, and whether it is still his: the same identity,
 * and the same instance of the guest.
 *
 * The client has shown in the handshake that it holds the key of the certificate; that it is ours
 * says the store, byte for byte.  Evidence is judged as ever: nothing is renewed without.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attest/claims.h"
#include "attest/policy.h"
#include "ca/store.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/verdict.h"

/* Finds what was issued as `cert` (DER; data NULL: the client showed none).  False: refused. */
MUST_CHECK bool renewal_find(struct store *store, struct bytes cert, int64_t now_s,
                             struct store_holder *out_holder, struct verdict *out_verdict);

/* Row 91, for what the store knows of the instance; then the identity. */
MUST_CHECK bool renewal_fits(const struct store_holder *holder, const struct claims *claims,
                             const struct policy_grant *grant, struct verdict *out_verdict);
