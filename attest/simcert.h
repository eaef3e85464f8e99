/*
 * Simcert: certificates like AMD's, for the simulated platform and for tests.
 *
 * Names, extensions, validity and algorithms are those of genuine ones (spec: keys and
 * certificates); the keys are anybody's, so what they sign proves nothing.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

#include "attest/product.h"
#include "common/compiler.h"

struct err;

#define SIMCERT_NAME_CAP 32 /* bytes of a common name */

/* Makes an RSA-4096 key (takes seconds) or a P-384 key.  NULL on failure. */
EVP_PKEY *simcert_new_rsa(struct err *err);
EVP_PKEY *simcert_new_p384(struct err *err);

/* Certificates of a product by the name in them ("Milan", "Sim"); NULL on failure.  The caller
   frees them; keys are borrowed. */
X509 *simcert_ark(const char *product, EVP_PKEY *ark_key, struct err *err);

/* For VCEKs ("SEV-<product>") or VLEKs ("SEV-VLEK-<product>"). */
X509 *simcert_ask(const char *product, bool for_vlek, EVP_PKEY *ask_key, EVP_PKEY *ark_key,
                  struct err *err);

struct simcert_vek {
    const char *product;
    const char *product_name; /* extension, "Milan-B0"; NULL: as `product` */
    unsigned layout;          /* structVersion, 0 or 1 */
    const uint8_t *tcb;       /* TCB_LEN bytes */
    const uint8_t *hwid;      /* tcb_hwid_len() bytes: a VCEK */
    const char *csp;          /* "CN=cc-region.provider": a VLEK */
    int64_t not_before;       /* seconds since 1970; for 7 years, a VLEK 1 */
};

X509 *simcert_vek(const struct simcert_vek *vek, EVP_PKEY *vek_key, EVP_PKEY *ask_key,
                  struct err *err);

/* Signs `cert` as AMD does: RSASSA-PSS, SHA-384, salt 48.  For tests that altered one. */
MUST_CHECK int simcert_sign(X509 *cert, EVP_PKEY *issuer_key, struct err *err);
