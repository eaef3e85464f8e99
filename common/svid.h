/*
 * Svid: verification of a peer's X.509-SVID: OpenSSL's path validation, and behind it the rules
 * that close its known gaps (spec/enrollment.md section 6.1).
 *
 * Says who a certificate belongs to; whether that peer is welcome is the caller's decision.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/compiler.h"
#include "common/ear.h"

struct err;

enum svid_role { SVID_SERVER, SVID_CLIENT }; /* the role of the peer */

#define SVID_DNS_MAX 2048 /* bytes; more names than that are as good as none */

/* What a verified leaf says. */
struct svid {
    char *spiffe;       /* this and `dns` is what svid_deinit() frees */
    char *dns;          /* the DNS names, each with a NUL behind it; NULL: none, or too many */
    size_t dns_len;     /* of all, 0 or up to SVID_DNS_MAX */
    uint8_t sha256[32]; /* of the leaf's DER */
    uint8_t spki_sha256[32];
    uint8_t serial[20];
    size_t serial_len;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    int64_t path_from;         /* with the next: when the whole path is valid, the anchor too; */
    int64_t path_until;        /* exclusive */
    uint8_t anchor_sha256[32]; /* of the DER of the trust anchor.  These three are filled by
                                  svid_verify() alone */
    bool has_claims;           /* the leaf carries an attestation result */
    struct ear claims;
};

/* Judges the leaf and chain in `ctx` (a verify callback's X509_STORE_CTX, or one that the caller
   initialised with store, leaf and untrusted chain): sets flags, purpose and time, runs the path
   validation, then the extra rules.  `now` is seconds since 1970 by the checked clock.
   0: accepted, `out_svid` filled (the caller's to deinit), X509_V_OK set.  -1: ERR_DENIED with the
   reason, and an X509_V_ERR in `ctx` that maps to the right alert. */
MUST_CHECK int svid_verify(X509_STORE_CTX *ctx, enum svid_role role, const char *trust_domain,
                           int64_t now, struct svid *out_svid, struct err *err);

/* A copy with texts of its own; false: out of memory, `out` untouched. */
bool svid_copy(const struct svid *svid, struct svid *out);

/* Whether `name` is one of its DNS names; upper and lower case are the same. */
bool svid_has_dns(const struct svid *svid, const char *name);

/* Safe on {0} and on what was deinited before. */
void svid_deinit(struct svid *svid);

/* The extra rules alone, on a leaf whose path was already found valid. */
MUST_CHECK int svid_check_leaf(X509 *leaf, const char *trust_domain, int64_t now,
                               struct svid *out_svid, int *out_x509_error, struct err *err);

/* Reads the fields of a leaf that need no verification (our own). */
MUST_CHECK int svid_describe(X509 *leaf, struct svid *out_svid, struct err *err);
