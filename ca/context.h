/*
 * Context: the TLS rules of the enrolment endpoint: server certificate, versions, no resumption, no
 * client certificate.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

struct err;

/* `allow_1_2` is for old EST clients.  The caller frees it; NULL on failure. */
SSL_CTX *context_new(X509 *cert, EVP_PKEY *key, bool allow_1_2, struct err *err);
