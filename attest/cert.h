/*
 * Cert: one X.509 certificate of an attestation chain, judged on the bytes as received.
 *
 * A strict DER walk (RFC 5280 section 4.1), not OpenSSL's decoder, which accepts BER.  What a chain
 * of such certificates must be is attest/rule_chain.c; AMD's own extensions are attest/vek.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

#define CERT_DER_MAX 4096 /* bytes; those of AMD are below 1700 */

/* Everything is a view of `der`. */
struct cert {
    struct bytes der;
    struct bytes tbs;             /* what the signature covers */
    unsigned version;             /* 1 to 3, or what stands there plus 1 */
    struct bytes algorithm_inner; /* whole AlgorithmIdentifier */
    struct bytes algorithm_outer;
    struct bytes serial;  /* content octets of the INTEGER */
    struct bytes issuer;  /* whole Name */
    struct bytes subject; /* whole Name */
    int64_t not_before;   /* seconds since 1970 */
    int64_t not_after;
    struct bytes spki;       /* whole SubjectPublicKeyInfo */
    struct bytes extensions; /* content of the SEQUENCE; empty if there are none */
    struct bytes signature;
};

enum cert_status { CERT_OK, CERT_TOO_LONG, CERT_MALFORMED };

/* Reads DER, or one PEM block with nothing but white space around it, decoded into `storage`
   (CERT_TOO_LONG if that has no room).  `out_cert` untouched unless CERT_OK. */
MUST_CHECK enum cert_status cert_read(struct bytes input, struct buf *storage,
                                      struct cert *out_cert);

struct der;

/* Takes a UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 wants it; seconds since 1970. */
MUST_CHECK bool cert_take_time(struct der *der, int64_t *out_time);

/* A SEQUENCE whose inside is judged later, as a whole. */
MUST_CHECK bool cert_take_sequence(struct der *der, struct bytes *out_whole);

/* What a certificate and a revocation list have in common (RFC 5280, SIGNED): fills `tbs`,
   `algorithm_outer` and `signature`, and gives the content of the first. */
MUST_CHECK bool cert_take_signed(struct bytes der, struct cert *out_cert, struct bytes *out_tbs);

struct cert_extension {
    struct bytes oid; /* content octets */
    bool critical;
    struct bytes value; /* content of extnValue */
};

/* Finds the first extension with this OID; false if there is none. */
bool cert_find_extension(const struct cert *cert, const void *oid, size_t oid_len,
                         struct cert_extension *out_extension);

/* Takes the next extension from a cursor over cert->extensions; false at the end. */
bool cert_next_extension(struct bytes *extensions, struct cert_extension *out_extension);

/* True if no extension OID stands twice. */
bool cert_extensions_unique(const struct cert *cert);

/* basicConstraints and keyUsage: `found` if the extension is there, `valid` if it can also be read;
   the rest is zero unless `valid`. */
struct cert_constraints {
    bool found;
    bool valid;
    bool critical;
    bool ca;
    bool has_pathlen;
    uint64_t pathlen;
};
struct cert_constraints cert_constraints(const struct cert *cert);
bool cert_is_constraints(const struct cert_extension *extension);

#define CERT_USAGE_CERT_SIGN 0x04U /* bit 5 of the first octet, as it stands there */

struct cert_usage {
    bool found;
    bool valid;
    bool critical;
    uint8_t bits; /* first octet of the BIT STRING */
};
struct cert_usage cert_usage(const struct cert *cert);
bool cert_is_usage(const struct cert_extension *extension);

/* keyIdentifier of subjectKeyIdentifier and authorityKeyIdentifier; data NULL if absent. */
struct bytes cert_subject_key_id(const struct cert *cert);
struct bytes cert_authority_key_id(const struct cert *cert);

/* The only commonName of a Name.  False if there is none or more than one. */
bool cert_common_name(struct bytes name, struct bytes *out_text);

/* True if the signature algorithm is RSASSA-PSS, whatever its parameters. */
bool cert_is_pss(const struct cert *cert);

/* True if the AlgorithmIdentifier is one of the two encodings that AMD uses for RSASSA-PSS with
   SHA-384, MGF1 with SHA-384 and a salt of 48 bytes. */
bool cert_pss_fits(const struct cert *cert);

/* True if the key is RSA with 4096 bits and exponent 65537. */
bool cert_key_is_rsa4096(const struct cert *cert);

/* True if the key is a point, uncompressed, on the named curve P-384. */
bool cert_key_is_p384(const struct cert *cert);

/* SHA-256 of the SubjectPublicKeyInfo. */
MUST_CHECK bool cert_spki_sha256(const struct cert *cert, uint8_t out_hash[static 32]);

/* The key; the caller frees it.  NULL: OpenSSL cannot read it. */
MUST_CHECK EVP_PKEY *cert_key(const struct cert *cert);

/* True if `issuer`'s key signed `cert`, with the parameters of cert_pss_fits(). */
MUST_CHECK bool cert_signed_by(const struct cert *cert, const struct cert *issuer);
