/*
 * Memo: what a verifier need not work out twice, since it cannot change: that a signature holds
 * under a key, and the key that stands in a VEK.
 *
 * It only ever remembers what held, by a digest of all that went into it, so that a verdict is the
 * same with and without.  Of fixed size; the entry that was not used for longest goes.  May be used
 * from several threads.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

#include "attest/cert.h"
#include "common/compiler.h"

struct err;
struct memo; /* opaque */

#define MEMO_ENTRIES 1024

/* NULL: out of memory. */
struct memo *memo_new(struct err *err);
void memo_free(struct memo *memo); /* accepts NULL */

/* As cert_signed_by(); `memo` NULL: works it out. */
MUST_CHECK bool memo_signed_by(struct memo *memo, const struct cert *cert,
                               const struct cert *issuer);

/* The key of a certificate for which cert_key_is_p384() holds, the caller's; NULL: it does not. */
MUST_CHECK EVP_PKEY *memo_p384_key(struct memo *memo, const struct cert *cert);
