/*
 * Context: the SSL_CTX of routes: versions, groups, modes and our certificate.
 *
 * Who a peer is and whether it is welcome is judge.c's callback.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

#include "common/compiler.h"

struct err;
struct identity;

/* Made in `algorithms` (NULL: all that OpenSSL has), which must outlive it and its connections.
   TLS 1.3 only, a peer certificate required, no tickets, an explicit chain.  `alpn` is names with
   commas between, or NULL.  NULL on failure. */
SSL_CTX *context_new(OSSL_LIB_CTX *algorithms, const struct identity *identity, bool egress,
                     const char *alpn, struct err *err);
