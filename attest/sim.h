/*
 * Sim: a software secure processor.  It signs reports of the genuine SEV-SNP format under a
 * simulated ARK, ASK and VCEK with AMD's algorithms (RSA-4096 PSS, P-384), so that the whole path
 * runs on any machine through the same parser and verifier.
 *
 * It protects nothing.  A verifier believes it only where its policy names this root.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

#include "attest/claims.h"
#include "attest/evidence.h"
#include "common/compiler.h"

struct err;

/* ---- a simulated vendor: keys in a folder ---- */

/* Makes DIR with ark.pem, ark.key, ask.pem, ask.key for `product` names ("Sim", or "Milan" ... in
   tests).  Takes seconds: two RSA-4096 keys. */
MUST_CHECK int sim_vendor_create(const char *dir, const char *product, struct err *err);

struct sim_machine_options {
    const uint8_t *measurement; /* 48 bytes */
    unsigned report_version;    /* 2 to 5; 0: 5 */
    unsigned struct_version;    /* TCB layout 0 or 1 */
};

/* Makes MDIR with vek.key, vek.pem, ask.pem and machine.ini, signed by the vendor in `dir`; MDIR
   never holds a vendor key. */
MUST_CHECK int sim_machine_create(const char *dir, const char *mdir,
                                  const struct sim_machine_options *options, struct err *err);

/* ---- a simulated machine: reports ---- */

struct sim; /* opaque */

/* Opens MDIR.  ERR_INVALID if it holds a vendor key (ark.key or ask.key). */
struct sim *sim_open(const char *mdir, struct err *err);
void sim_free(struct sim *sim);

/* Makes and signs a report.  */
MUST_CHECK int sim_report(struct sim *sim, const uint8_t report_data[static 64], unsigned vmpl,
                          uint8_t out_report[static 1184], struct err *err);

/* DER certificates of the machine, borrowed until sim_free(). */
struct bytes sim_vek(const struct sim *sim);
struct bytes sim_ask(const struct sim *sim);

/* Signs bytes [0, 0x2a0) of `report` with `vek`, in place: for tests that alter a report. */
MUST_CHECK int sim_sign(EVP_PKEY *vek, uint8_t report[static 1184], struct err *err);
