/*
 * Proxy_protocol: writing the header with the records that stand behind the addresses.  Reading is
 * proxy_protocol_read.c.
 */
#include "proxy/proxy_protocol.h"

#include <string.h>

#include "proxy/proxy_protocol_wire.h"

/* IPv4 as it is, and IPv4 in the dress of IPv6, as a listener for both sees it. */
static bool as_v4(const struct sockets_address *address, struct in_addr *out)
{
    if (address->len == 0) {
        return false;
    }
    if (address->u.any.sa_family == AF_INET) {
        *out = address->u.v4.sin_addr;
        return true;
    }
    if (address->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->u.v6.sin6_addr)) {
        memcpy(out, &address->u.v6.sin6_addr.s6_addr[12], sizeof(*out));
        return true;
    }
    return false;
}

static bool as_v6(const struct sockets_address *address, struct in6_addr *out)
{
    struct in_addr v4;

    if (as_v4(address, &v4)) {
        *out = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&out->s6_addr[12], &v4, sizeof(v4));
        return true;
    }
    if (address->len == 0 || address->u.any.sa_family != AF_INET6) {
        return false;
    }
    *out = address->u.v6.sin6_addr;
    return true;
}

static bool put_byte(struct buf *out, unsigned value)
{
    uint8_t byte = (uint8_t)value;

    return buf_append(out, &byte, sizeof(byte));
}

static bool put_u16(struct buf *out, size_t value)
{
    return put_byte(out, (unsigned)(value >> 8)) && put_byte(out, (unsigned)value & 0xff);
}

/* The byte of the family, the length (patched later), the addresses. */
static bool put_addresses(const struct proxy_protocol_peer *peer, struct buf *out)
{
    uint16_t ports[2] = {0};
    struct in_addr v4[2];
    struct in6_addr v6[2];

    if (as_v6(&peer->source, &v6[0]) && as_v6(&peer->destination, &v6[1])) {
        bool is_v4 = as_v4(&peer->source, &v4[0]) && as_v4(&peer->destination, &v4[1]);

        ports[0] = htons(sockets_port(&peer->source));
        ports[1] = htons(sockets_port(&peer->destination));
        return put_byte(out, is_v4 ? PROXY_WIRE_TCP4 : PROXY_WIRE_TCP6) && put_u16(out, 0) &&
               (is_v4 ? buf_append(out, v4, sizeof(v4)) : buf_append(out, v6, sizeof(v6))) &&
               buf_append(out, ports, sizeof(ports));
    }
    return put_byte(out, PROXY_WIRE_UNSPEC) && put_u16(out, 0);
}

static bool put_record(struct buf *out, enum proxy_wire_type type, struct bytes value)
{
    if (value.data == NULL) {
        return true;
    }
    return value.len <= UINT16_MAX && put_byte(out, type) && put_u16(out, value.len) &&
           buf_append(out, value.data, value.len);
}

/* The record that says how the peer speaks TLS; every peer here has shown a certificate, which has
   been verified, or there would be no header. */
static bool put_tls(const struct proxy_protocol_peer *peer, struct buf *out)
{
    static const uint8_t verified[4] = {0};
    size_t at = out->len;
    size_t len = 0;

    if (!put_byte(out, PROXY_WIRE_SSL) || !put_u16(out, 0) ||
        !put_byte(out, PROXY_WIRE_CLIENT_SSL | PROXY_WIRE_CLIENT_CERT_CONN |
                           PROXY_WIRE_CLIENT_CERT_SESS) ||
        !buf_append(out, verified, sizeof(verified)) ||
        !put_record(out, PROXY_WIRE_SSL_VERSION, peer->tls_version) ||
        !put_record(out, PROXY_WIRE_SSL_CN, peer->common_name)) {
        return false;
    }
    len = out->len - at - PROXY_WIRE_RECORD_LEN;
    out->data[at + 1] = (uint8_t)(len >> 8);
    out->data[at + 2] = (uint8_t)len;
    return len <= UINT16_MAX;
}

bool proxy_protocol_write(const struct proxy_protocol_peer *peer, struct buf *out)
{
    uint8_t storage[PROXY_PROTOCOL_MAX];
    struct buf header = buf_over(storage, sizeof(storage));
    size_t len = 0;

    if (!buf_append(&header, PROXY_WIRE_SIGNATURE, PROXY_WIRE_SIGNATURE_LEN) ||
        !put_byte(&header, PROXY_WIRE_VERSION | PROXY_WIRE_PROXY) ||
        !put_addresses(peer, &header) || !put_record(&header, PROXY_WIRE_ALPN, peer->alpn) ||
        !put_record(&header, PROXY_WIRE_AUTHORITY, peer->authority) || !put_tls(peer, &header) ||
        !put_record(&header, PROXY_WIRE_SPIFFE, peer->spiffe) ||
        !put_record(&header, PROXY_WIRE_TEE, peer->tee) ||
        !put_record(&header, PROXY_WIRE_MEASUREMENT, peer->measurement)) {
        return false;
    }
    len = header.len - PROXY_PROTOCOL_FIXED_LEN;
    header.data[14] = (uint8_t)(len >> 8);
    header.data[15] = (uint8_t)len;
    return buf_append(out, header.data, header.len);
}
