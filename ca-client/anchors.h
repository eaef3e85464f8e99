/*
 * Anchors: which of the CA's certificates we trust to name peers: the issuing CAs of our trust
 * domain that chain to the pinned roots.  The roots themselves are none, so that a withdrawn
 * issuing CA takes its leaves with it.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

struct err;

/* The anchors among `certs`, valid at `now` (seconds since 1970), in a store that accepts partial
   chains.  All borrowed.  NULL on failure: ERR_DENIED if there is none, or ERR_LIMIT. */
X509_STORE *anchors_select(const STACK_OF(X509) * certs, const STACK_OF(X509) * roots,
                           const char *trust_domain, int64_t now, struct err *err);
