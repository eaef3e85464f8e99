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
#define CLAIMS_KEY_DIGEST_LEN 48
#define CLAIMS_LAUNCH_ID_LEN 16 /* family and image */
#define CLAIMS_REPORT_ID_LEN 32
#define CLAIMS_CRL_NUMBER_MAX 20
#define CLAIMS_CSP_CAP 256 /* with the NUL */

enum tee { TEE_SNP, TEE_TDX, TEE_SIM };

enum product { PRODUCT_MILAN, PRODUCT_GENOA, PRODUCT_TURIN, PRODUCT_SIM };
#define PRODUCTS 4 /* how many there are */

enum tcb_component { TCB_BOOTLOADER, TCB_TEE, TCB_SNP, TCB_MICROCODE, TCB_FMC, TCB_COMPONENTS };

struct tcb {
    uint8_t value[TCB_COMPONENTS];
    bool present[TCB_COMPONENTS]; /* fmc only in layout 1 */
};

struct firmware {
    uint8_t major;
    uint8_t minor;
    uint8_t build;
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
    struct firmware current_firmware;
    struct firmware committed_firmware;
    bool mitigations_known; /* false: the report is older than version 5 */
    uint64_t launch_mitigations;
    uint64_t current_mitigations;
    uint8_t id_key_digest[CLAIMS_KEY_DIGEST_LEN]; /* zero: launched without an ID block */
    bool author_key_enabled;
    uint8_t author_key_digest[CLAIMS_KEY_DIGEST_LEN]; /* means nothing unless enabled */
    uint8_t family_id[CLAIMS_LAUNCH_ID_LEN];
    uint8_t image_id[CLAIMS_LAUNCH_ID_LEN];
    uint8_t report_id[CLAIMS_REPORT_ID_LEN];    /* of this instance of the guest, for its life */
    uint8_t report_id_ma[CLAIMS_REPORT_ID_LEN]; /* of its migration agent; all ff: none */
    bool vlek;                                  /* signed by a provider's key, not a chip's */
    char csp[CLAIMS_CSP_CAP];                   /* the provider, "" with a VCEK */
    bool chip_known;                            /* false: masked, or a VLEK */
    uint8_t chip[CLAIMS_CHIP_LEN];              /* CHIP_ID */
    uint8_t vek_chip[CLAIMS_CHIP_LEN]; /* hwID of the VCEK, zeros behind; zero with a VLEK */
    uint8_t vek_spki_sha256[32];
    uint8_t evidence_id[48]; /* SHA-384 of the signed bytes: what identifies this evidence */
    bool crl_used;           /* a revocation list was consulted: to be remembered by the caller */
    uint8_t ark_spki_sha256[32];
    uint8_t crl_number[CLAIMS_CRL_NUMBER_MAX]; /* big-endian */
    size_t crl_number_len;
    int64_t crl_this_update; /* seconds since 1970 */
    int64_t valid_until;     /* seconds since 1970: first notAfter or nextUpdate of what was used */
};

/* "snp", "tdx", "sim". */
const char *tee_name(enum tee tee);

/* "milan", "genoa", "turin", "sim". */
const char *product_name(enum product product);

/* "bootloader", "tee", "snp", "microcode", "fmc": keys of policy and attestation result. */
const char *tcb_component_name(enum tcb_component component);
