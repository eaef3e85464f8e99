/*
 * Svid names: the subjectAltName of a leaf (SPIFFE X509-SVID sections 2 and 4.1; RFC 9525 for DNS
 * names).  The subject's common name never counts as a name.
 *
 * Internal to common/svid.
 */
#pragma once

#include <stddef.h>

#include <openssl/types.h>

#include "common/compiler.h"

struct svid;

/* What is wrong with the names of `leaf`, as static text; NULL if nothing is. */
const char *svid_names_flaw(X509 *leaf);

/* The SPIFFE ID of `leaf`, its only URI, and its DNS names as struct svid has them.  NULL, or
   static text that says why there is none, with `svid` untouched. */
MUST_CHECK const char *svid_names_read(const X509 *leaf, struct svid *svid);
