/*
 * Keys: the keys, certificates and the secret of an authority, read from their files and checked
 * against each other.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

#include "ca/nonce.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

/* Paths; borrowed. */
struct keys_options {
    const char *root_certificate;
    const char *issuing_certificate;
    const char *issuing_key;
    const char *server_certificate;
    const char *server_key;
    const char *nonce_secret;
    const char *trust_domain; /* that the issuing certificate has to be for */
};

/* All owned. */
struct keys {
    X509 *root;
    X509 *issuing;
    X509 *server;
    EVP_PKEY *issuing_key;
    EVP_PKEY *server_key;
    struct bytes root_der;
    struct bytes issuing_der;
    uint8_t secret[NONCE_SECRET_LEN];
};

/* Loads all of it.  ERR_INVALID if something does not fit: a key of another certificate, an issuing
   CA that the root did not sign, that is no CA or of another trust domain; a key file that others
   may read.  Blocks. */
MUST_CHECK int keys_load(const struct keys_options *options, struct keys *out_keys,
                         struct err *err);
void keys_deinit(struct keys *keys);

/* A certificate's notAfter, seconds since 1970; 0 if it cannot be read. */
int64_t keys_not_after(const X509 *cert);
