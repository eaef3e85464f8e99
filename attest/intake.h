/*
 * Intake: recognises what a file of unknown kind holds: evidence in one of its forms, certificates,
 * a CSR, a revocation list or a certificate table.  The content decides, never a name.
 *
 * Evidence is taken apart, not judged; the rest is only found.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "attest/evidence.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/verdict.h"

#define INTAKE_LEN_MAX 262144     /* bytes of a file */
#define INTAKE_STORAGE_LEN 262144 /* bytes that decoding may need */
#define INTAKE_DOCUMENTS_MAX 16

enum intake_kind {
    INTAKE_REPORT,       /* the report alone; also what nothing else is, so that it is judged */
    INTAKE_EXTENDED,     /* a report with its certificate table behind it */
    INTAKE_TSM,          /* a tsm-report, CBOR or JSON */
    INTAKE_BUNDLE,       /* the attestation bundle of a CSR */
    INTAKE_CSR,          /* with evidence only if it has the attribute */
    INTAKE_CERTIFICATES, /* one or more */
    INTAKE_CRL,
    INTAKE_TABLE, /* a certificate table alone, as auxblob has it */
};

struct intake {
    enum intake_kind kind;
    bool has_evidence;
    struct evidence evidence;                     /* views of the input or of the storage */
    struct bytes documents[INTAKE_DOCUMENTS_MAX]; /* certificates, else the one thing */
    size_t num_documents;
};

/* Takes `input` apart; hexadecimal, base64 and PEM are decoded into `storage`
   (INTAKE_STORAGE_LEN).  A bare report has no provider: it is "sim" if the CPUID in it is the
   simulator's, else "sev_guest"; neither is authenticated.  False: refused as malformed;
   `out_intake` untouched.  Allocates what tsm_decode_json() does, or nothing. */
MUST_CHECK bool intake_open(struct bytes input, struct buf *storage, struct intake *out_intake,
                            struct verdict *out_verdict);

/* "attestation report", ... */
const char *intake_kind_name(enum intake_kind kind);
