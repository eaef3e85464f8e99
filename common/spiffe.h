/*
 * Spiffe: SPIFFE IDs (SPIFFE-ID specification): spiffe://TRUST-DOMAIN/SEGMENT/...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SPIFFE_ID_MAX 2048          /* bytes, without NUL */
#define SPIFFE_TRUST_DOMAIN_MAX 255 /* bytes, without NUL */

/* True if `text` is a valid trust domain: [a-z0-9._-]{1,255}. */
bool spiffe_trust_domain_valid(const char *text, size_t len);

/* True if `path` is a valid ID path without its leading slash: non-empty segments of
   [A-Za-z0-9._-], none "." or "..". */
bool spiffe_path_valid(const char *path, size_t len);

/* True if `id` is a valid SPIFFE ID with a path. */
bool spiffe_id_valid(const char *id, size_t len);

/* True if `id`, a valid SPIFFE ID, belongs to `trust_domain`. */
bool spiffe_id_in(const char *id, const char *trust_domain);
