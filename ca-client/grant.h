/*
 * Grant: judges the certificate that came back from an enrolment.  Pure: certificates and a time
 * in, an identity out.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "ca-client/checked_clock.h"

struct err;
struct identity;

/* What was asked for; all borrowed. */
struct grant {
    EVP_PKEY *key;
    const char *uri; /* the exact SPIFFE ID */
    const char *trust_domain;
    X509_STORE *anchors;
    int64_t now_ms; /* since 1970, by the checked clock */
    struct checked_clock clock;
};

/* Finds our leaf among `certs` and makes it an identity: the key is ours, the name is what we asked
   for, and it passes the rules by which peers will judge it, in both roles.  NULL on failure:
   ERR_DENIED with the rule, or ERR_LIMIT. */
struct identity *grant_accept(const struct grant *grant, const STACK_OF(X509) * certs,
                              struct err *err);
