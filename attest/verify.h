/*
 * Verify: appraisal of AMD SEV-SNP evidence up to the binding (rows 1 to 66 of the evidence table).
 *
 * A pure function of its arguments: no socket, no clock, no allocation that grows with the input.
 * The guest's owner's wishes (debug, VMPL, TCB floors, reference values) are attest/policy.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/cert.h"
#include "attest/claims.h"
#include "attest/evidence.h"
#include "common/verdict.h"

struct memo;

enum provider { PROVIDER_SEV_GUEST, PROVIDER_SIM };

/* A trusted root: certificates count by the hash of their key, wherever they came from. */
struct anchor {
    uint8_t spki_sha256[32]; /* of the ARK's DER SubjectPublicKeyInfo */
    enum product product;
    enum provider provider;
};

/* AMD's roots (ARK-Milan, ARK-Genoa, ARK-Turin), compiled in. */
extern const struct anchor verify_vendor_anchors[];
extern const size_t verify_num_vendor_anchors;

enum vendor_crl { VENDOR_CRL_REQUIRE, VENDOR_CRL_USE };

#define COLLATERAL_CERTS_MAX 72 /* more are not looked at */
#define COLLATERAL_CRLS_MAX 18

/* Certificates from elsewhere than the evidence, DER or PEM: VEKs, ASKs, ARKs, in any order; the
   content decides the kind; and revocation lists.  `certs` come before the evidence's own for ASK
   and ARK, after them for the VEK. */
struct collateral {
    const struct bytes *certs; /* borrowed */
    size_t num_certs;
    const struct bytes *crls; /* DER, borrowed; of all products */
    size_t num_crls;
};

/* The newest revocation list that was accepted for a root and kind of key: an older one is refused.
   A caller keeps these; what verify_evidence() accepted is in the claims. */
struct crl_mark {
    uint8_t ark_spki_sha256[32];
    bool vlek;
    uint8_t number[CLAIMS_CRL_NUMBER_MAX]; /* big-endian, without leading zeros */
    size_t number_len;
    int64_t this_update; /* seconds since 1970 */
};

/* What an accepted report was verified with, for a caller that keeps it for the next one. */
struct verify_chain {
    uint8_t vek[CERT_DER_MAX];
    size_t vek_len;
    uint8_t ask[CERT_DER_MAX];
    size_t ask_len;
    uint8_t ark[CERT_DER_MAX];
    size_t ark_len;
    int64_t not_after; /* of the first of them that ends; seconds since 1970 */
    struct bytes crl;  /* as it lies in evidence or collateral; data NULL: none was consulted */
};

struct verify_options {
    const uint8_t *report_data; /* 64 bytes that REPORT_DATA must equal; NULL: row 66 is skipped */
    int64_t now;                /* seconds since 1970 */
    const struct anchor *anchors;
    size_t num_anchors;
    enum vendor_crl vendor_crl;
    const struct crl_mark *crl_marks;
    size_t num_crl_marks;
    struct memo *memo;              /* NULL: none; the verdict is the same with and without */
    struct verify_chain *out_chain; /* NULL: not wanted; else filled with the claims */
};

enum row_state { ROW_OK, ROW_FAILED, ROW_SKIPPED };

/* One evaluated row, for the operator's tool. */
struct row_result {
    int row;
    enum row_state state;
    const char *check;      /* the row's short name, e.g. "report length" */
    struct verdict verdict; /* filled if ROW_FAILED */
};

#define VERIFY_ROWS_MAX 96

struct verify_rows {
    struct row_result results[VERIFY_ROWS_MAX];
    size_t num_results;
};

/* Appraises `evidence`.  True: accepted, `out_claims` filled, `out_verdict->code` 0.  False:
   refused by the first failing row, `out_claims` untouched.  With `rows` (may be NULL) every
   independent row is evaluated and reported; the verdict is the same. */
MUST_CHECK bool verify_evidence(const struct evidence *evidence,
                                const struct collateral *collateral,
                                const struct verify_options *options, struct claims *out_claims,
                                struct verdict *out_verdict, struct verify_rows *rows);
