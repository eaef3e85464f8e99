/*
 * Evidence: what an attester hands to a verifier, taken apart but not judged.
 *
 * Everything here is borrowed and hostile: views into the bytes that came from outside.
 * Key names follow Linux configfs-tsm (spec: tsm-report map).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/bytes.h"

#define EVIDENCE_REPORT_DATA_LEN 64 /* bytes: SNP REPORT_DATA, TDX REPORTDATA */
#define EVIDENCE_BLOB_MAX 16384     /* bytes: outblob, manifestblob */
#define EVIDENCE_CERTS_MAX 4        /* certificates beside the evidence in a CSR attribute */

struct evidence {
    struct bytes provider;         /* text, one trailing LF already removed: "sev_guest", "sim" */
    struct bytes outblob;          /* SNP: the report */
    struct bytes auxblob;          /* SNP: the certificate table; absent: data NULL */
    struct bytes manifestblob;     /* only with a service provider */
    struct bytes service_provider; /* text; absent: data NULL */
    struct bytes certs[EVIDENCE_CERTS_MAX]; /* DER or PEM; from the CSR attribute or the caller */
    size_t num_certs;
};
