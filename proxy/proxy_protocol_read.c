/*
 * Proxy_protocol_read: a header from a load balancer, strictly: what the protocol leaves open to
 * receivers is refused here, so that nobody else's reading of the same bytes can differ.
 *
 * Records behind the addresses are checked for form and dropped: they are claims of whoever sent
 * them, and ours come from the certificate.
 */
#include "proxy/proxy_protocol.h"

#include <string.h>

#include "common/err.h"
#include "proxy/proxy_protocol_wire.h"

#define CRC32C_LEN 4
#define CRC32C_POLYNOMIAL 0x82f63b78U /* of RFC 3720 appendix B.4, reflected */

static enum proxy_protocol_status refuse(struct err *err, const char *why)
{
    (void)err_set(err, ERR_INVALID, "PROXY header: %s", why);
    return PROXY_PROTOCOL_BAD;
}

static size_t u16_at(const uint8_t *data)
{
    return (size_t)data[0] << 8 | data[1];
}

/* Bytes of the addresses of a family; SIZE_MAX: no family of a stream. */
static size_t addresses_len(unsigned family)
{
    switch (family) {
    case PROXY_WIRE_UNSPEC:
        return 0;
    case PROXY_WIRE_TCP4:
        return 12;
    case PROXY_WIRE_TCP6:
        return 36;
    case PROXY_WIRE_UNIX:
        return 216;
    default:
        return SIZE_MAX;
    }
}

/* The checksum of the header as it was before its own checksum, at `at`, stood in it. */
static uint32_t crc32c(const uint8_t *data, size_t len, size_t at)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= i >= at && i < at + CRC32C_LEN ? 0U : data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ CRC32C_POLYNOMIAL : crc >> 1;
        }
    }
    return ~crc;
}

/* Walks the records from `at` to `len`; a checksum among them must hold.  NULL, or what is wrong.
 */
static const char *check_records(const uint8_t *data, size_t len, size_t at)
{
    bool has_checksum = false;

    while (at < len) {
        size_t value_len = 0;

        if (len - at < PROXY_WIRE_RECORD_LEN) {
            return "a record is cut";
        }
        value_len = u16_at(data + at + 1);
        if (value_len > len - at - PROXY_WIRE_RECORD_LEN) {
            return "a record is longer than the rest";
        }
        if (data[at] == PROXY_WIRE_CRC32C) {
            const uint8_t *value = data + at + PROXY_WIRE_RECORD_LEN;

            if (has_checksum || value_len != CRC32C_LEN) {
                return "need one checksum of 4 bytes";
            }
            has_checksum = true;
            if (((uint32_t)u16_at(value) << 16 | (uint32_t)u16_at(value + 2)) !=
                crc32c(data, len, at + PROXY_WIRE_RECORD_LEN)) {
                return "the checksum is wrong";
            }
        }
        at += PROXY_WIRE_RECORD_LEN + value_len;
    }
    return NULL;
}

static struct sockets_address v4_at(const uint8_t *host, const uint8_t *port)
{
    struct sockets_address address = {.len = sizeof(address.u.v4)};

    address.u.v4.sin_family = AF_INET;
    memcpy(&address.u.v4.sin_addr, host, sizeof(address.u.v4.sin_addr));
    memcpy(&address.u.v4.sin_port, port, sizeof(address.u.v4.sin_port));
    return address;
}

static struct sockets_address v6_at(const uint8_t *host, const uint8_t *port)
{
    struct sockets_address address = {.len = sizeof(address.u.v6)};

    address.u.v6.sin6_family = AF_INET6;
    memcpy(&address.u.v6.sin6_addr, host, sizeof(address.u.v6.sin6_addr));
    memcpy(&address.u.v6.sin6_port, port, sizeof(address.u.v6.sin6_port));
    return address;
}

static struct proxy_protocol_addresses addresses_of(const uint8_t *header)
{
    const uint8_t *at = header + PROXY_PROTOCOL_FIXED_LEN;
    bool local = (header[12] & 0x0f) == PROXY_WIRE_LOCAL;

    if (!local && header[13] == PROXY_WIRE_TCP4) {
        return (struct proxy_protocol_addresses){v4_at(at, at + 8), v4_at(at + 4, at + 10)};
    }
    if (!local && header[13] == PROXY_WIRE_TCP6) {
        return (struct proxy_protocol_addresses){v6_at(at, at + 32), v6_at(at + 16, at + 34)};
    }
    return (struct proxy_protocol_addresses){.source = {.len = 0}};
}

/* The part of fixed length, all of it there; NULL, or what is wrong. */
static const char *check_fixed(const uint8_t *header)
{
    size_t rest = u16_at(header + 14);
    size_t addresses = addresses_len(header[13]);

    if ((header[12] & 0xf0) != PROXY_WIRE_VERSION) {
        return "need version 2";
    }
    if ((header[12] & 0x0f) != PROXY_WIRE_LOCAL && (header[12] & 0x0f) != PROXY_WIRE_PROXY) {
        return "unknown command";
    }
    if (addresses == SIZE_MAX) {
        return "unknown family, or no stream";
    }
    if (rest > PROXY_PROTOCOL_MAX - PROXY_PROTOCOL_FIXED_LEN) {
        return "too long";
    }
    /* Of a LOCAL header the protocol lets the receiver skip whatever follows. */
    return rest < addresses && (header[12] & 0x0f) == PROXY_WIRE_PROXY ? "too short" : NULL;
}

enum proxy_protocol_status proxy_protocol_read(struct bytes in,
                                               struct proxy_protocol_addresses *out,
                                               size_t *out_len, struct err *err)
{
    size_t num = in.len < PROXY_WIRE_SIGNATURE_LEN ? in.len : PROXY_WIRE_SIGNATURE_LEN;
    const char *why = NULL;
    size_t len = 0;
    size_t addresses = 0;

    if (num > 0 && memcmp(in.data, PROXY_WIRE_SIGNATURE, num) != 0) {
        return refuse(err, "need the signature of version 2");
    }
    if (in.len < PROXY_PROTOCOL_FIXED_LEN) {
        *out_len = PROXY_PROTOCOL_FIXED_LEN;
        return PROXY_PROTOCOL_MORE;
    }
    why = check_fixed(in.data);
    if (why != NULL) {
        return refuse(err, why);
    }
    len = PROXY_PROTOCOL_FIXED_LEN + u16_at(in.data + 14);
    if (in.len < len) {
        *out_len = len;
        return PROXY_PROTOCOL_MORE;
    }
    addresses = addresses_len(in.data[13]);
    if (addresses <= len - PROXY_PROTOCOL_FIXED_LEN) {
        why = check_records(in.data, len, PROXY_PROTOCOL_FIXED_LEN + addresses);
    }
    if (why != NULL) {
        return refuse(err, why);
    }
    *out = addresses_of(in.data);
    *out_len = len;
    return PROXY_PROTOCOL_DONE;
}
