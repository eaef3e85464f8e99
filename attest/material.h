/*
 * Material: certificates and revocation lists for a verification, read from files that an operator
 * names.
 *
 * It finds them; the verifier judges each.  Nothing here decides what a certificate is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "attest/verify.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define MATERIAL_FILES_MAX COLLATERAL_CERTS_MAX
#define MATERIAL_BLOCKS_MAX (3 * MATERIAL_FILES_MAX)

struct material {
    void *blocks[MATERIAL_BLOCKS_MAX]; /* allocations that the views below lie in */
    size_t num_blocks;
    struct bytes certs[COLLATERAL_CERTS_MAX];
    size_t num_certs;
    struct bytes crls[COLLATERAL_CRLS_MAX];
    size_t num_crls;
};

/* Frees what was read; {0} is fine. */
void material_deinit(struct material *material);

/* Reads a file, or "-", into memory that lives as long as `material`. */
MUST_CHECK int material_read(struct material *material, const char *path, struct bytes *out_bytes,
                             struct err *err);

/* Adds the certificates of a file: one in DER or PEM, or several in PEM, as the key service's
   cert_chain has them. */
MUST_CHECK int material_add(struct material *material, const char *path, struct err *err);

/* Adds a revocation list, DER, judged as it is. */
MUST_CHECK int material_add_crl(struct material *material, const char *path, struct err *err);

/* Adds those of all files *.der and *.pem in a folder, and the revocation lists among *.der and
 *.crl, in the order of their names. */
MUST_CHECK int material_add_dir(struct material *material, const char *dir, struct err *err);
