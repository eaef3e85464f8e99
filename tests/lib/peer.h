/*
 * Peer: a leaf that svid_verify() accepts, for tests that break one thing about it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/svid.h"
#include "tests/lib/pki.h"

#define PEER_TRUST_DOMAIN "prod.example"
#define PEER_ID "spiffe://prod.example/snp/api"

struct peer {
    struct pki pki;
    X509 *leaf;
    EVP_PKEY *leaf_key;
    X509_STORE_CTX *ctx; /* of the last peer_judge() */
    struct svid svid;    /* as above; untouched if refused */
    struct err err;
};

/* For cmocka: a new peer in `state`. */
int peer_setup(void **state);
int peer_teardown(void **state);

/* Signs what a test altered and reads it back, as a peer's bytes would be; the caller's. */
X509 *peer_received(X509 *cert, EVP_PKEY *signer);

/* Puts the extension `value`, in the language of openssl.cnf, in place of `nid`'s; NULL: none. */
void peer_replace(X509 *cert, X509 *issuer, int nid, const char *value);

/* Gives `cert` the serial number `hex`. */
void peer_set_serial(X509 *cert, const char *hex);

/* 0, or the X509_V_ERR with which svid_verify() refuses `leaf` under `anchor` (NULL: none). */
int peer_judge(struct peer *peer, X509 *anchor, X509 *leaf, STACK_OF(X509) * untrusted,
               enum svid_role role, int64_t now);

/* Fails the test unless `leaf` is refused, as a path and by svid_check_leaf() for `reason`. */
void peer_refused_for(struct peer *peer, size_t row, X509 *leaf, const char *reason);
