/*
 * Crl: one certificate revocation list of a vendor's root, read on the bytes as received.
 *
 * A strict DER walk (RFC 5280 section 5.1), as attest/cert.h.  What such a list must be is
 * attest/rule_crl.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attest/cert.h"
#include "common/bytes.h"
#include "common/compiler.h"

#define CRL_DER_MAX 65536 /* bytes */
#define CRL_NUMBER_MAX 20 /* bytes (RFC 5280 section 5.2.3) */

/* Everything is a view of `der`. */
struct crl {
    struct bytes der;
    struct cert
        signed_part;     /* algorithms, TBSCertList, signature and issuer, as cert.h judges them */
    unsigned version;    /* 1 or 2 */
    int64_t this_update; /* seconds since 1970 */
    bool has_next_update;
    int64_t next_update;
    struct bytes revoked;          /* content of revokedCertificates; empty if there are none */
    bool critical;                 /* it, or an entry, has a critical extension */
    struct bytes authority_key_id; /* data NULL: absent */
    struct bytes number; /* content of CRLNumber without leading zero; data NULL: absent */
};

/* Reads one DER CertificateList and nothing behind it.  False: it is none; `out_crl` untouched. */
MUST_CHECK bool crl_read(struct bytes der, struct crl *out_crl);

/* True if the serial number (content octets of the INTEGER) is listed. */
bool crl_lists(const struct crl *crl, struct bytes serial);

/* Less than, equal to or greater than 0 as `a`'s number is below, equal to or above `b`'s; absent
   counts as lowest. */
int crl_compare_numbers(struct bytes a, struct bytes b);
