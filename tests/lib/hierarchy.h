/*
 * Hierarchy: a CA for tests, made by the authority's own profiles: root, issuing CA, and whatever a
 * test wants signed.  Whatever fails, fails the test.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "ca/profile.h"

#define HIERARCHY_TRUST_DOMAIN "prod.example"

struct hierarchy {
    EVP_PKEY *root_key;
    EVP_PKEY *issuing_key;
    X509 *root;
    X509 *issuing;
    int64_t now; /* seconds since 1970 */
};

void hierarchy_init(struct hierarchy *hierarchy, int64_t now);
void hierarchy_deinit(struct hierarchy *hierarchy);

/* Signs with the fields given; issuer: the root for servers and issuing CAs, else the issuing CA.
   Serial and, if both are 0, the dates (an hour around now) are filled in.  The caller's. */
X509 *hierarchy_sign(const struct hierarchy *hierarchy, struct profile profile);

/* A list of the certificates given, up to NULL; takes references. */
STACK_OF(X509) * hierarchy_list(X509 *first, X509 *second);
