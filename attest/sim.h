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

#include "attest/evidence.h"
#include "attest/report.h"
#include "common/compiler.h"

struct err;

/* A simulated vendor: keys in a folder. */

/* Makes DIR (its parent must exist) with ark.pem, ark.key, ask.pem, ask.key (mode 0400).  `product`
   is the name in the certificates: "Sim", or in tests "Milan", "Genoa", "Turin".  Blocks for
   seconds: two RSA-4096 keys.  ERR_IO if DIR holds a vendor already. */
MUST_CHECK int sim_vendor_create(const char *dir, const char *product, struct err *err);

/* As sim_vendor_create(), for another product with the keys of the vendor in `from`.  Cheap. */
MUST_CHECK int sim_vendor_copy(const char *dir, const char *from, const char *product,
                               struct err *err);

struct sim_machine_options {
    const uint8_t *measurement; /* 48 bytes */
    unsigned report_version;    /* 2 to 5; 0: 5 */
    unsigned struct_version;    /* TCB layout 0 or 1; product Sim only, others have their own */
    const uint8_t *tcb;         /* 8 bytes of TCB_VERSION, for all four TCBs; NULL: a sound one */
    const uint8_t *chip_id;     /* 64 bytes, in layout 1 the last 56 zero; NULL: random */
    const uint8_t *host_data;   /* 32 bytes; NULL: zero */
    uint64_t guest_policy;      /* POLICY; 0: 0x30000, SMT allowed */
    uint32_t guest_svn;         /* without an ID block */
    const uint8_t *id_block;    /* IDBLOCK_LEN bytes of attest/idblock.h; NULL: launched without */
    const uint8_t *id_auth;     /* IDBLOCK_AUTH_LEN bytes, exactly with id_block */
    int64_t not_before;         /* of the VEK, for 7 years; seconds since 1970 */
};

/* Makes MDIR with vek.key (mode 0400), vek.pem, ask.pem and machine.ini, signed by the vendor in
   `dir`; MDIR never holds a vendor key.  ERR_DENIED: the ID block is for another launch, or a
   signature of it does not hold. */
MUST_CHECK int sim_machine_create(const char *dir, const char *mdir,
                                  const struct sim_machine_options *options, struct err *err);

/* A simulated machine: reports. */

struct sim; /* opaque; MDIR is one guest instance, with a REPORT_ID of its own */

/* Opens MDIR.  ERR_INVALID if it holds a vendor key (ark.key or ask.key), a bad machine.ini, or a
   key that is not that of its certificate. */
struct sim *sim_open(const char *mdir, struct err *err);
void sim_free(struct sim *sim); /* accepts NULL */

/* Makes and signs a report.  `vmpl` is 0 to 3. */
MUST_CHECK int sim_report(struct sim *sim,
                          const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN], unsigned vmpl,
                          uint8_t out_report[static REPORT_LEN], struct err *err);

/* DER certificates of the machine, borrowed until sim_free(). */
struct bytes sim_vek(const struct sim *sim);
struct bytes sim_ask(const struct sim *sim);

/* Signs the signed bytes of `report` with `vek`, in place: for tests that alter a report. */
MUST_CHECK int sim_sign(EVP_PKEY *vek, uint8_t report[static REPORT_LEN], struct err *err);
