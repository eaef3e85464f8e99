/*
 * Issuer: client certificates that the load generator makes itself, so that it can be a peer that
 * no one has seen before as often as it likes.
 *
 * For measuring only: nobody asks what the names in them are worth.
 */
#pragma once

#include <openssl/types.h>

#include "common/compiler.h"

struct err;
struct issuer; /* opaque */

#define ISSUER_LEAF_SECONDS 86400 /* how long a leaf is valid */

/* Leaves for `spiffe`, signed by the key in `key_path` under the certificate in `certificate_path`
   (PEM).  Blocks.  ERR_IO, ERR_INVALID, ERR_LIMIT. */
struct issuer *issuer_load(const char *certificate_path, const char *key_path, const char *spiffe,
                           struct err *err);

/* The same under a key that nobody knows, with the name of `likeness`: what must be refused. */
struct issuer *issuer_new_impostor(const X509 *likeness, const char *spiffe, struct err *err);
void issuer_free(struct issuer *issuer); /* accepts NULL */

/* A new P-256 leaf with its key, both the caller's.  ERR_LIMIT. */
MUST_CHECK int issuer_make(const struct issuer *issuer, X509 **out_leaf, EVP_PKEY **out_key,
                           struct err *err);
