/*
 * Specimen: sound simulated evidence, taken apart so that a test can break one thing of it and sign
 * everything else anew.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/verify.h"

#define SPECIMEN_DER_CAP 8192
#define SPECIMEN_AUX_CAP 40000
#define SPECIMEN_NOT_BEFORE 1780000000 /* of the VEK */
#define SPECIMEN_NOW (SPECIMEN_NOT_BEFORE + 86400)

struct specimen_cert {
    uint8_t data[SPECIMEN_DER_CAP]; /* DER, or what a test puts here */
    size_t len;
};

struct specimen {
    EVP_PKEY *ark_key; /* RSA-4096, the test vendor's */
    EVP_PKEY *ask_key;
    EVP_PKEY *vek_key; /* P-384, new */
    struct specimen_cert ark;
    struct specimen_cert ask;
    struct specimen_cert vek;
    struct specimen_cert crls[2]; /* len 0: none */
    uint8_t report[REPORT_LEN + 1];
    size_t report_len;
    uint8_t report_data[64]; /* what is expected */
    uint8_t aux[SPECIMEN_AUX_CAP];
    size_t aux_len; /* 0: no table */
    const char *provider;
    const char *service_provider; /* NULL: none */
    struct anchor anchors[2];
    struct verify_options options;
};

/* What to imitate; kind VLEK if `csp` is set. */
struct specimen_kind {
    const char *product; /* "Sim", "Milan", "Genoa", "Turin" */
    unsigned report_version;
    const char *csp;
};

struct specimen *specimen_new(const struct specimen_kind *kind);
void specimen_free(struct specimen *specimen);

/* Appraises it: VEK and ASK with the evidence, ARK and revocation lists as collateral; those with
   len 0 are left out. Fails the test if the list of rows does not fit the verdict. */
bool specimen_verify(const struct specimen *specimen, struct claims *out_claims,
                     struct verdict *out_verdict);

/* Takes a certificate apart, and signs and stores it again; takes `x509`. */
X509 *specimen_open(const struct specimen_cert *cert);
void specimen_close(struct specimen_cert *cert, X509 *x509, EVP_PKEY *signer);

/* Signs again what was altered byte by byte; the lengths must have stayed. */
void specimen_sign_der(struct specimen_cert *cert, EVP_PKEY *signer);
void specimen_sign_report(struct specimen *specimen);

/* Replaces (or with `content` NULL removes) AMD's extension 1.3.6.1.4.1.3704.1.`arcs` of the VEK.
 */
void specimen_set_amd(struct specimen *specimen, const char *arcs, const void *content, size_t len);

/* Sets a report field, little-endian, without signing. */
void specimen_set(struct specimen *specimen, enum report_field field, uint64_t value);

/* Wraps `cert` in PEM. */
void specimen_to_pem(struct specimen_cert *cert);

/* One broken thing and the refusal it must give. */
struct specimen_case {
    const char *slug; /* the name of the test */
    int row;
    enum verdict_code code;
    void (*spoil)(struct specimen *specimen);
    struct specimen_kind kind; /* product NULL: Milan, version 3 */
};

#define SPECIMEN_CASES_MAX 64

typedef void specimen_repair(struct specimen *specimen);

/* Runs each case as a test: sound evidence is accepted, the spoiled one refused with exactly this
   row, code and slug, and the claims are left untouched.  Then `repair` sets right what was broken,
   and the rest of what the case did is accepted; NULL: it did nothing else to the sound evidence.
   Returns how many failed. */
int specimen_run(const char *group, const struct specimen_case *cases, size_t num_cases,
                 specimen_repair *repair);
