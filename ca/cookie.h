/*
 * Cookie: looking up one name in a Cookie header field (RFC 6265 section 5.4).
 */
#pragma once

#include <stddef.h>

#include "common/bytes.h"

/* How many pairs of `field` have this name; the first one's value in `out_value`, if any. */
size_t cookie_find(struct bytes field, const char *name, struct bytes *out_value);
