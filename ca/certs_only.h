/*
 * Certs-only: the PKCS#7 message without content or signer in which EST carries certificates
 * (RFC 7030 section 4.1.3).
 */
#pragma once

#include <stddef.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

/* Appends the message that holds the given DER certificates, in this order.  ERR_LIMIT if it does
   not fit. */
MUST_CHECK int certs_only_encode(const struct bytes *certs, size_t num_certs, struct buf *out,
                                 struct err *err);
