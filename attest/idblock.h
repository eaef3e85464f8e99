/*
 * Idblock: the ID block, with which a guest's owner tells the firmware what it may launch, and the
 * ID authentication, which carries keys and signatures for it (AMD 56860, "ID Block" and "ID
 * Authentication Information Structure").  A report names the keys, so that a policy can ask who
 * signed instead of what was launched.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/compiler.h"

struct err;

#define IDBLOCK_LEN 0x60        /* bytes */
#define IDBLOCK_AUTH_LEN 0x1000 /* bytes */
#define IDBLOCK_DIGEST_LEN 48   /* SHA-384 */
#define IDBLOCK_ID_LEN 16       /* of a family or an image */

struct idblock {
    uint8_t measurement[IDBLOCK_DIGEST_LEN];
    uint8_t family_id[IDBLOCK_ID_LEN];
    uint8_t image_id[IDBLOCK_ID_LEN];
    uint32_t guest_svn;
    uint64_t policy; /* must be the POLICY of the launch */
};

/* What reports will say of the keys. */
struct idblock_keys {
    uint8_t id_key[IDBLOCK_DIGEST_LEN];
    bool has_author;
    uint8_t author_key[IDBLOCK_DIGEST_LEN]; /* zero without */
};

void idblock_write(const struct idblock *block, uint8_t out[static IDBLOCK_LEN]);

/* ERR_INVALID: a version that is not 1. */
MUST_CHECK int idblock_read(const uint8_t bytes[static IDBLOCK_LEN], struct idblock *out_block,
                            struct err *err);

/* Signs the block with the ID key, and the ID key with the author's, if there is one (else NULL).
   ERR_INVALID: a key is not on P-384; ERR_LIMIT: OpenSSL could not. */
MUST_CHECK int idblock_sign(const uint8_t bytes[static IDBLOCK_LEN], EVP_PKEY *id_key,
                            EVP_PKEY *author_key, uint8_t out_auth[static IDBLOCK_AUTH_LEN],
                            struct err *err);

/* Checks keys and signatures as the firmware does.  ERR_INVALID if the form is wrong, ERR_DENIED if
   a signature does not hold. */
MUST_CHECK int idblock_check(const uint8_t bytes[static IDBLOCK_LEN],
                             const uint8_t auth[static IDBLOCK_AUTH_LEN],
                             struct idblock_keys *out_keys, struct err *err);
