/*
 * Source: cutting an address.
 */
#include "common/source.h"

#include <string.h>

#define V4_OFFSET 12 /* of the four bytes in the sixteen */

static const uint8_t v4_prefix[V4_OFFSET] = {[10] = 0xff, [11] = 0xff};

struct source source_of(const struct sockets_address *address)
{
    struct sockets_address plain = sockets_plain(address);
    struct source source = {{0}};

    if (sockets_family(&plain) == AF_INET) {
        memcpy(source.address, v4_prefix, V4_OFFSET);
        memcpy(source.address + V4_OFFSET, &plain.u.v4.sin_addr, 4);
    } else if (sockets_family(&plain) == AF_INET6) {
        memcpy(source.address, &plain.u.v6.sin6_addr, 8);
    }
    return source;
}

bool source_is_v4(const struct source *source)
{
    return memcmp(source->address, v4_prefix, V4_OFFSET) == 0;
}
