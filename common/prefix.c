/*
 * Prefix: both families as 128 bits, so that there is one comparison.
 */
#include "common/prefix.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/err.h"

#define V4_OFFSET 12 /* of IPv4's bytes in the mapped form */

static struct in6_addr mapped(const struct in_addr *v4)
{
    struct in6_addr out = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(&out.s6_addr[V4_OFFSET], v4, sizeof(*v4));
    return out;
}

/* True if the first `bits` bits of both are the same. */
static bool same_bits(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
    unsigned bytes = bits / 8;
    unsigned rest = bits % 8;

    return memcmp(a, b, bytes) == 0 &&
           (rest == 0 || (a->s6_addr[bytes] ^ b->s6_addr[bytes]) >> (8 - rest) == 0);
}

/* Digits alone: no sign, no leading zero, no 0. */
static bool read_bits(const char *text, unsigned max, unsigned *out)
{
    unsigned value = 0;

    if (text[0] < '1' || text[0] > '9' || strlen(text) > 3) {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (unsigned)(*text - '0');
    }
    *out = value;
    return *text == '\0' && value <= max;
}

int prefix_parse(const char *text, struct prefix *out, struct err *err)
{
    struct prefix prefix = {.bits = 0};
    char host[INET6_ADDRSTRLEN] = "";
    size_t len = strcspn(text, "/");
    struct in_addr v4;
    unsigned max = 128;

    if (len >= sizeof(host)) {
        return err_set(err, ERR_INVALID, "no address");
    }
    memcpy(host, text, len);
    if (inet_pton(AF_INET, host, &v4) == 1) {
        prefix.is_v4 = true;
        prefix.network = mapped(&v4);
        max = 32;
    } else if (inet_pton(AF_INET6, host, &prefix.network) != 1 ||
               IN6_IS_ADDR_V4MAPPED(&prefix.network)) {
        return err_set(err, ERR_INVALID, "no address");
    }
    prefix.bits = max;
    if (text[len] == '/' && !read_bits(text + len + 1, max, &prefix.bits)) {
        return err_set(err, ERR_INVALID, "need 1 to %u bits", max);
    }
    prefix.bits += 128 - max;
    for (unsigned i = prefix.bits; i < 128; i++) {
        if ((prefix.network.s6_addr[i / 8] & 0x80U >> i % 8) != 0) {
            return err_set(err, ERR_INVALID, "bits are set behind the prefix");
        }
    }
    *out = prefix;
    return 0;
}

bool prefix_holds(const struct prefix *prefix, const struct sockets_address *address)
{
    struct in6_addr host;

    if (address->len == 0) {
        return false;
    }
    if (address->u.any.sa_family == AF_INET) {
        host = mapped(&address->u.v4.sin_addr);
    } else if (address->u.any.sa_family == AF_INET6) {
        host = address->u.v6.sin6_addr;
    } else {
        return false;
    }
    return prefix->is_v4 == (IN6_IS_ADDR_V4MAPPED(&host) != 0) &&
           same_bits(&prefix->network, &host, prefix->bits);
}
