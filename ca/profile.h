/*
 * Profile: the certificates that this authority makes, field by field (RFC 5280, SPIFFE X509-SVID):
 * root, issuing CA, its own server, and the attested leaf.
 *
 * Knows nothing of evidence or policy: names, times and keys come from the caller.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define PROFILE_SERIAL_LEN 16

enum profile_kind { PROFILE_ROOT, PROFILE_ISSUING, PROFILE_SERVER, PROFILE_LEAF };

/* All borrowed for the call. */
struct profile {
    enum profile_kind kind;
    EVP_PKEY *key;           /* the subject's */
    X509 *issuer;            /* NULL: self-signed */
    EVP_PKEY *issuer_key;    /* likewise */
    const char *common_name; /* NULL: empty subject, critical SAN */
    const char *organization;
    const char *uri;        /* SAN, or NULL */
    const char *const *dns; /* SAN: host names, or addresses as text */
    size_t num_dns;
    const char *permitted_uri; /* issuing: host of the URI name constraint */
    struct bytes cmw;          /* leaf: attestation result, or absent */
    int64_t not_before;        /* seconds since 1970 */
    int64_t not_after;
    uint8_t serial[PROFILE_SERIAL_LEN];
};

/* A random positive serial that fills all of its bytes: the top two bits are 01. */
MUST_CHECK int profile_serial(uint8_t out_serial[static PROFILE_SERIAL_LEN], struct err *err);

/* Makes and signs it.  NULL on failure. */
X509 *profile_sign(const struct profile *profile, struct err *err);
