/*
 * Records: TLS 1.3 records as no library would send them, under the keys of a peer whose handshake
 * OpenSSL did.  The OpenSSL object may go on reading; writing is for this alone from then on.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#define RECORDS_SECRET_LEN 32 /* of TLS_AES_128_GCM_SHA256 */

struct records {
    uint8_t secret[RECORDS_SECRET_LEN]; /* for what the peer sends */
    uint64_t num_sent;                  /* with that secret */
    const char *label;                  /* of the secret in the key log */
};

/* Before the handshake of `ssl`: which side it is, and the ciphers known here.  `records` must
   outlive the handshake. */
void records_watch(struct records *records, SSL *ssl);

/* Sends one record of `type` on `fd`. */
void records_put(struct records *records, int fd, uint8_t type, const void *data, size_t len);

/* What a KeyUpdate changes. */
void records_update(struct records *records);
