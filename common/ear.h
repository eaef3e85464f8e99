/*
 * Ear: the attestation result in a certificate: an EAR (draft-ietf-rats-ear) as unsigned claims
 * (UCCS, RFC 9781) in a CMW record (RFC 9999), carried in the id-pe-cmw extension.
 *
 * The certificate's signature protects it; there is none of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"

struct err;

#define EAR_TEE_MAX 8
#define EAR_TCB_COMPONENTS 5 /* in the order of attest's enum tcb_component: bootloader first */
#define EAR_CMW_MAX 1024     /* bytes of an encoded CMW record */

/* Content octets of OID 1.3.6.1.5.5.7.1.35, id-pe-cmw. */
#define EAR_CMW_OID "\x2b\x06\x01\x05\x05\x07\x01\x23"
#define EAR_CMW_OID_LEN 8

enum ear_status { EAR_NONE = 0, EAR_AFFIRMING = 2, EAR_WARNING = 32, EAR_CONTRAINDICATED = 96 };

struct ear {
    int64_t iat;              /* seconds since 1970 */
    enum ear_status status;   /* none for the simulated platform */
    bool instance_identified; /* a chip list matched */
    bool genuine;             /* a vendor root: hardware and runtime-opaque are affirmed */
    char policy_id[64];       /* "ni:///sha-256;..." */
    char tee[EAR_TEE_MAX];    /* "snp", "tdx", "sim" */
    uint64_t epoch;
    uint8_t measurement[64];
    size_t measurement_len;
    uint64_t guest_policy;
    uint8_t tcb[EAR_TCB_COMPONENTS];
    bool tcb_present[EAR_TCB_COMPONENTS];
    char verifier_build[64]; /* "liftgate-ca 1.0.0" */
};

/* Appends the CMW record; ERR_LIMIT if it does not fit. */
MUST_CHECK int ear_encode(const struct ear *ear, struct buf *out, struct err *err);

/* Reads a CMW record that holds an EAR of revision 03 or 04; strict.  ERR_INVALID otherwise. */
MUST_CHECK int ear_decode(struct bytes cmw, struct ear *out_ear, struct err *err);
