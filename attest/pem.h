/*
 * Pem: one certificate in PEM form (RFC 7468), strictly: text before, between and behind is no
 * comment but an error.
 */
#pragma once

#include <stdbool.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

/* True if `bytes` starts like PEM: white space, then five hyphens. */
bool pem_looks_like(struct bytes bytes);

enum pem_status { PEM_OK, PEM_MALFORMED, PEM_TOO_LONG };

/* Appends what the only block in `text` encodes to `out`, unless it is over `max` bytes. */
MUST_CHECK enum pem_status pem_decode(struct bytes text, size_t max, struct buf *out);
