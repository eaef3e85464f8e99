/*
 * Proxy_protocol_wire: the constants of the PROXY protocol, version 2, section 2.2.
 */
#pragma once

#define PROXY_WIRE_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_WIRE_SIGNATURE_LEN 12

#define PROXY_WIRE_VERSION 0x20 /* upper half of byte 12 */

enum { PROXY_WIRE_LOCAL = 0, PROXY_WIRE_PROXY = 1 }; /* lower half */

/* Byte 13: family and protocol. */
enum {
    PROXY_WIRE_UNSPEC = 0x00,
    PROXY_WIRE_TCP4 = 0x11,
    PROXY_WIRE_TCP6 = 0x21,
    PROXY_WIRE_UNIX = 0x31,
};

#define PROXY_WIRE_RECORD_LEN 3 /* type and length, before the value */

/* Records (TLV).  0xe0 to 0xef are an application's own; these are ours. */
enum proxy_wire_type {
    PROXY_WIRE_ALPN = 0x01,
    PROXY_WIRE_AUTHORITY = 0x02,
    PROXY_WIRE_CRC32C = 0x03,
    PROXY_WIRE_SSL = 0x20,
    PROXY_WIRE_SSL_VERSION = 0x21, /* inside of SSL, as the next */
    PROXY_WIRE_SSL_CN = 0x22,
    PROXY_WIRE_SPIFFE = 0xe0,
    PROXY_WIRE_TEE = 0xe1,
    PROXY_WIRE_MEASUREMENT = 0xe2,
};

/* Flags in the first byte of SSL. */
enum {
    PROXY_WIRE_CLIENT_SSL = 0x01,
    PROXY_WIRE_CLIENT_CERT_CONN = 0x02, /* a certificate in this connection */
    PROXY_WIRE_CLIENT_CERT_SESS = 0x04, /* ... or in this session */
};
