/*
 * Revocation: lists as a vendor's root would sign them, and those that it would not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

struct specimen_cert;

struct revocation {
    const struct specimen_cert *issuer;
    EVP_PKEY *signer;
    int64_t number; /* -1: none */
    int64_t this_update;
    int64_t next_update;                 /* 0: none */
    const struct specimen_cert *revoked; /* NULL: nobody */
    bool version_1;
    bool without_key_id;
    bool critical;       /* has a critical extension */
    bool critical_entry; /* the entry has one */
    bool sha256;         /* not the algorithm that is wanted */
};

/* Whatever fails, fails the test. */
void revocation_make(const struct revocation *revocation, struct specimen_cert *out_crl);
