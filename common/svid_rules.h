/*
 * Svid rules: what is wrong with a certificate that OpenSSL's path validation lets pass, one rule a
 * row of the table in spec/enrollment.md section 6.1.
 *
 * Internal to common/svid.  The rules know neither time nor trust domain, and nothing of the path's
 * signatures.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/bytes.h"

struct svid_flaw {
    const char *reason; /* static text, for people; NULL: none found */
    int x509_error;     /* X509_V_ERR_*, chosen for the alert it maps to */
};

/* The first rule for leaves that `leaf` breaks, rules for every certificate included. */
struct svid_flaw svid_leaf_flaw(X509 *leaf);

/* As svid_leaf_flaw(), with the rules for what stands above a leaf. */
struct svid_flaw svid_ca_flaw(X509 *ca);

/* The value of the only extension `oid` (content octets) of `cert`; absent if there is none.
   Borrowed from `cert`. */
struct bytes svid_extension(const X509 *cert, const void *oid, size_t oid_len);

/* The decoded extension `nid`; the caller's.  NULL, and 0 in `out_critical`, if it does not decode
   as exactly one DER item; NULL and -1 if there is none. */
void *svid_decode(const X509 *cert, int nid, int *out_critical);
