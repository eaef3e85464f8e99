/*
 * Request: PKCS#10 requests of a test's own making, sound or broken in one place: every part is
 * given as bytes and signed as it is.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

#include "common/buf.h"
#include "common/bytes.h"

#define REQUEST_OID_ATTESTATION "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3b"
#define REQUEST_OID_EXTENSIONS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
#define REQUEST_OID_PASSWORD "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
#define REQUEST_OID_SAN "\x06\x03\x55\x1d\x11"

/* Appends tag, length and content; fails the test if it does not fit. */
void request_wrap(struct buf *out, uint8_t tag, struct bytes content);

/* Appends an attribute with one value (DER); `oid` is a whole DER item. */
void request_attribute(struct buf *out, struct bytes oid, struct bytes value);

/* Appends an extensionRequest attribute with a SAN of one URI. */
void request_uri(struct buf *out, const char *uri);

/* Appends the DER of a key's SubjectPublicKeyInfo. */
void request_spki(struct buf *out, EVP_PKEY *key);

struct request_parts {
    EVP_PKEY *key;           /* signs, with SHA-256 */
    uint8_t version;         /* 0 is right */
    struct bytes spki;       /* data NULL: that of `key` */
    struct bytes attributes; /* content of [0] */
};

/* Appends the request. */
void request_build(struct buf *out, const struct request_parts *parts);
