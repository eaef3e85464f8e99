/*
 * Certs: lists of certificates as files and EST replies carry them.  Read, never judged.
 */
#pragma once

#include <openssl/x509.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define CERTS_MAX 16           /* in one list */
#define CERTS_FILE_MAX 1048576 /* bytes */

/* Reads a PEM file of 1 to CERTS_MAX certificates and nothing else; order is kept.  ERR_IO if it
   cannot be read, else ERR_INVALID.  NULL on failure; certs_free() frees the result. */
STACK_OF(X509) * certs_load(const char *path, struct err *err);

/* Reads the certs-only PKCS#7 message (RFC 7030 section 4.1.3) in base64 that an EST server
   answers with: 1 to CERTS_MAX certificates.  NULL on failure: ERR_INVALID or ERR_LIMIT. */
STACK_OF(X509) * certs_decode(struct bytes base64, struct err *err);

void certs_free(STACK_OF(X509) * certs); /* accepts NULL */
