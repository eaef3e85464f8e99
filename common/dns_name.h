/*
 * Dns_name: the form of a host's DNS name, and when two are the same.  Resolves nothing; addresses
 * and wildcards are no names here.
 */
#pragma once

#include <stdbool.h>

#include "common/bytes.h"

/* Letters, digits and hyphens only (RFC 5890 section 2.3.1), so no wildcard either. */
bool dns_name_valid(struct bytes name);

/* Two valid names: upper and lower case are the same (RFC 4343). */
bool dns_name_same(struct bytes left, struct bytes right);
