/*
 * Spiffe: the grammar of IDs, a byte at a time.
 */
#include "common/spiffe.h"

#include <string.h>

static const char scheme[] = "spiffe://";

#define SCHEME_LEN (sizeof(scheme) - 1)

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool is_segment(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

bool spiffe_trust_domain_valid(const char *text, size_t len)
{
    if (len == 0 || len > SPIFFE_TRUST_DOMAIN_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_lower(text[i])) {
            return false;
        }
    }
    return true;
}

static bool segment_valid(const char *segment, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_segment(segment[i])) {
            return false;
        }
    }
    return len > 2 || (len == 2 && memcmp(segment, "..", 2) != 0) ||
           (len == 1 && segment[0] != '.');
}

bool spiffe_path_valid(const char *path, size_t len)
{
    size_t start = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && path[i] != '/') {
            continue;
        }
        if (!segment_valid(path + start, i - start)) {
            return false;
        }
        start = i + 1;
    }
    return true;
}

bool spiffe_id_valid(const char *id, size_t len)
{
    const char *slash = NULL;

    if (len > SPIFFE_ID_MAX || len < SCHEME_LEN || memcmp(id, scheme, SCHEME_LEN) != 0) {
        return false;
    }
    id += SCHEME_LEN;
    len -= SCHEME_LEN;
    slash = memchr(id, '/', len);
    return slash != NULL && spiffe_trust_domain_valid(id, (size_t)(slash - id)) &&
           spiffe_path_valid(slash + 1, len - (size_t)(slash - id) - 1);
}

bool spiffe_id_in(const char *id, const char *trust_domain)
{
    size_t len = strlen(trust_domain);

    return strncmp(id + SCHEME_LEN, trust_domain, len) == 0 && id[SCHEME_LEN + len] == '/';
}
