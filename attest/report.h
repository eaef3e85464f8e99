/*
 * Report: an AMD SEV-SNP ATTESTATION_REPORT (AMD 56860; versions 2 to 5), read in place.
 *
 * Fields are read from the bytes as received; nothing is copied, decoded or encoded again.  What
 * the fields must hold is attest/rule_report.c.  There are two types: what came from outside is a
 * struct report, and only report_authenticate() makes a struct verified_report of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/bytes.h"
#include "common/compiler.h"

#define REPORT_LEN 1184      /* bytes */
#define REPORT_VERSION_MIN 2 /* the formats that are known */
#define REPORT_VERSION_MAX 5
#define REPORT_SIGNED_LEN 672 /* bytes, from the start, that the signature covers */

/* In the order of their offsets; versions are three fields since they stand in the order build,
   minor, major. */
enum report_field {
    REPORT_VERSION,
    REPORT_GUEST_SVN,
    REPORT_POLICY,
    REPORT_FAMILY_ID,
    REPORT_IMAGE_ID,
    REPORT_VMPL,
    REPORT_SIGNATURE_ALGO,
    REPORT_CURRENT_TCB,
    REPORT_PLATFORM_INFO,
    REPORT_KEY_INFO,
    REPORT_REPORT_DATA,
    REPORT_MEASUREMENT,
    REPORT_HOST_DATA,
    REPORT_ID_KEY_DIGEST,
    REPORT_AUTHOR_KEY_DIGEST,
    REPORT_REPORT_ID,
    REPORT_REPORT_ID_MA,
    REPORT_REPORTED_TCB,
    REPORT_CPUID_FAMILY,   /* version 3 and later */
    REPORT_CPUID_MODEL,    /* version 3 and later */
    REPORT_CPUID_STEPPING, /* version 3 and later */
    REPORT_CHIP_ID,
    REPORT_COMMITTED_TCB,
    REPORT_CURRENT_BUILD,
    REPORT_CURRENT_MINOR,
    REPORT_CURRENT_MAJOR,
    REPORT_COMMITTED_BUILD,
    REPORT_COMMITTED_MINOR,
    REPORT_COMMITTED_MAJOR,
    REPORT_LAUNCH_TCB,
    REPORT_LAUNCH_MIT_VECTOR,  /* version 5 */
    REPORT_CURRENT_MIT_VECTOR, /* version 5 */
    REPORT_SIGNATURE_R,        /* little-endian, 72 bytes: 48 of value, 24 of zero */
    REPORT_SIGNATURE_S,
    REPORT_FIELDS, /* how many there are */
};

/* Bits of REPORT_POLICY. */
#define REPORT_POLICY_SMT (UINT64_C(1) << 16)
#define REPORT_POLICY_ONE (UINT64_C(1) << 17) /* always 1 */
#define REPORT_POLICY_MIGRATE_MA (UINT64_C(1) << 18)
#define REPORT_POLICY_DEBUG (UINT64_C(1) << 19)
#define REPORT_POLICY_KNOWN UINT64_C(0x3ffffff) /* the bits above are reserved */

/* REPORT_KEY_INFO: SIGNING_KEY. */
enum report_signing_key { SIGNING_KEY_VCEK = 0, SIGNING_KEY_VLEK = 1, SIGNING_KEY_NONE = 7 };

struct report_field_info {
    const char *name; /* as in AMD's table, "REPORTED_TCB" */
    uint16_t offset;
    uint16_t len;
    uint8_t version_min; /* first report version that has it */
    bool number;         /* a little-endian number of at most 8 bytes */
};

/* A view of REPORT_LEN bytes that nobody has vouched for. */
struct report {
    const uint8_t *data; /* borrowed */
};

/* A report whose signature held; made by report_authenticate() alone. */
struct verified_report {
    struct report report;
};

const struct report_field_info *report_field_info(enum report_field field);

/* False unless `bytes` is exactly REPORT_LEN long; `out_report` untouched then. */
MUST_CHECK bool report_over(struct bytes bytes, struct report *out_report);

/* The bytes of a field, borrowed as the report is. */
struct bytes report_bytes(struct report report, enum report_field field);

/* The value of a field that is a number; asserts that it is one. */
uint64_t report_uint(struct report report, enum report_field field);

enum report_signing_key report_signing_key(struct report report); /* bits 4:2; may be 2 to 6 */
bool report_author_key_enabled(struct report report);
bool report_chip_key_masked(struct report report);

/* True if CHIP_ID is not all zero, as it is when masked or (as seen) with a VLEK. */
bool report_chip_known(struct report report);

/* SHA-384 of the signed bytes: what identifies this evidence, since a signature can be varied. */
MUST_CHECK bool report_id(struct report report, uint8_t out_id[static 48]);

/* Checks the ECDSA P-384 SHA-384 signature by `vek` over the received bytes.  False: it does not
   hold; `out_verified` untouched. */
MUST_CHECK bool report_authenticate(struct report report, EVP_PKEY *vek,
                                    struct verified_report *out_verified);
