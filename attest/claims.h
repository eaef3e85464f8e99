/*
 * Claims: what authenticated evidence says about a guest, in words common to all platforms.
 *
 * Made only by a platform's verifier from evidence whose signature held; the policy sees nothing
 * else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLAIMS_MEASUREMENT_MAX 64 /* bytes */
#define CLAIMS_TCB_COMPONENTS 8
#define CLAIMS_CHIP_LEN 64 /* bytes */

enum tee { TEE_SNP, TEE_TDX, TEE_SIM };

enum product { PRODUCT_MILAN, PRODUCT_GENOA, PRODUCT_TURIN, PRODUCT_SIM };

enum tcb_component { TCB_BOOTLOADER, TCB_TEE, TCB_SNP, TCB_MICROCODE, TCB_FMC, TCB_COMPONENTS };

struct tcb {
    uint8_t value[TCB_COMPONENTS];
    bool present[TCB_COMPONENTS]; /* fmc only in layout 1 */
};

struct claims {
    enum tee tee;
    enum product product;
    uint8_t measurement[CLAIMS_MEASUREMENT_MAX];
    size_t measurement_len; /* 48 for SNP */
    uint8_t host_data[48];
    size_t host_data_len; /* 32 for SNP */
    uint8_t report_data[64];
    uint64_t guest_policy;
    uint64_t platform_info;
    uint32_t guest_svn;
    uint32_t vmpl;
    bool debug;
    bool migration;
    bool smt;
    struct tcb reported;
    struct tcb current;
    struct tcb committed;
    struct tcb launch;
    bool chip_known; /* false: masked, or a VLEK */
    uint8_t chip[CLAIMS_CHIP_LEN];
    uint8_t vek_spki_sha256[32];
    uint8_t evidence_id[48]; /* SHA-384 of the signed bytes: what identifies this evidence */
    int64_t valid_until;     /* seconds since 1970: first notAfter or nextUpdate of what was used */
};

/* "snp", "tdx", "sim". */
const char *tee_name(enum tee tee);

/* "milan", "genoa", "turin", "sim". */
const char *product_name(enum product product);

/* "bootloader", "tee", "snp", "microcode", "fmc": keys of policy and attestation result. */
const char *tcb_component_name(enum tcb_component component);
