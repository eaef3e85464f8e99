/*
 * Identity: how one is put together.  The rest of the program knows it by ca-client/enrol.h.
 */
#pragma once

#include <openssl/types.h>

#include "ca-client/checked_clock.h"

struct err;
struct identity;

/* All borrowed; identity_new() takes references of its own. */
struct identity_parts {
    EVP_PKEY *key;
    X509 *leaf;
    X509 *issuer; /* NULL: not known */
    X509_STORE *anchors;
    struct checked_clock clock;
};

/* Checks that the key is the leaf's and that the leaf names a SPIFFE ID; nothing else.  NULL on
   failure: ERR_INVALID or ERR_LIMIT. */
struct identity *identity_new(const struct identity_parts *parts, struct err *err);
