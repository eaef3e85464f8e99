/*
 * Pki: throw-away certificates for tests: one CA key for a trust domain and leaves under it.
 *
 * A test has no use for errors here: whatever fails ends the process.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

struct ear;

struct pki {
    EVP_PKEY *ca_key;
    X509 *ca;
};

/* A self-signed P-256 CA. */
void pki_init(struct pki *pki);
void pki_deinit(struct pki *pki);

/* A leaf for `uri`, valid from an hour ago for `seconds` from now on; both outputs are the
   caller's. */
void pki_leaf(const struct pki *pki, const char *uri, int64_t seconds, X509 **out_leaf,
              EVP_PKEY **out_key);

/* Signs a leaf again that a test has altered. */
void pki_sign(const struct pki *pki, X509 *leaf);

/* Gives a leaf an attestation result, and signs it again. */
void pki_attest(const struct pki *pki, X509 *leaf, const struct ear *ear);

/* A TLS 1.3 context for either side that presents `leaf` and wants a peer under `pki`; the
   caller's. */
SSL_CTX *pki_ctx(const struct pki *pki, X509 *leaf, EVP_PKEY *key);
