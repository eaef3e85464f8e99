/*
 * Nonce: what an attester has to bind its evidence to (draft-ietf-lamps-attestation-freshness):
 * stateless, authenticated with a key of the day, good for NONCE_LIFETIME_S.
 *
 * Nothing is stored at issue.  That a nonce serves once is the store's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/verdict.h"

struct err;

#define NONCE_LEN 48 /* bytes: the default; 32 and 64 are served too */
#define NONCE_LEN_MAX 64
#define NONCE_LIFETIME_S 120
#define NONCE_SKEW_S 5
#define NONCE_SECRET_LEN 32
#define NONCE_KEY_LEN 32
#define NONCE_ID_LEN 16

/* Who issues: plain data, borrowed by the calls. */
struct nonce_issuer {
    uint8_t secret[NONCE_SECRET_LEN]; /* shared by all replicas */
    const char *trust_domain;         /* at most 255 bytes */
    uint16_t replica;
};

/* True for the lengths that are served. */
bool nonce_len_served(size_t len);

/* HKDF-SHA-256 of the secret for one day since 1970. */
MUST_CHECK int nonce_key(const uint8_t secret[static NONCE_SECRET_LEN], uint64_t day,
                         uint8_t out_key[static NONCE_KEY_LEN], struct err *err);

/* Writes the tag behind the other fields of `nonce`, whose `len` is one that is served. */
MUST_CHECK int nonce_seal(const uint8_t key[static NONCE_KEY_LEN], const char *trust_domain,
                          struct bytes binder, uint8_t *nonce, size_t len, struct err *err);

/* A new nonce of `len` bytes.  `now_ms` is milliseconds since 1970. */
MUST_CHECK int nonce_issue(const struct nonce_issuer *issuer, size_t len, uint64_t now_ms,
                           uint8_t *out_nonce, struct err *err);

/* Judges a nonce that came back.  False: nonce-invalid, nonce-expired, or unavailable for one that
   another replica issued. */
MUST_CHECK bool nonce_check(const struct nonce_issuer *issuer, struct bytes nonce, uint64_t now_ms,
                            struct verdict *out_verdict);

/* SHA-256(nonce), cut: what the store remembers it by.  False without memory for the digest: there
   is no id then, and the nonce must be refused, or its second use would not be seen. */
MUST_CHECK bool nonce_id(struct bytes nonce, uint8_t out_id[static NONCE_ID_LEN]);
