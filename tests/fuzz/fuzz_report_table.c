/*
 * Fuzz: a report and the certificate table behind it, through the whole verifier.  Nothing made
 * here can be genuine, so nothing may be accepted.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/report.h"
#include "attest/verify.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1780000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char provider[] = "sev_guest";
    size_t report_len = len < REPORT_LEN ? len : REPORT_LEN;
    struct evidence evidence = {
        .provider = {(const uint8_t *)provider, sizeof(provider) - 1},
        .outblob = {data, report_len},
        .auxblob = {data + report_len, len - report_len},
    };
    struct collateral collateral = {.num_certs = 0};
    struct verify_options options = {
        .now = NOW,
        .anchors = verify_vendor_anchors,
        .num_anchors = verify_num_vendor_anchors,
        .vendor_crl = VENDOR_CRL_USE,
    };
    struct claims claims;
    struct verdict verdict;
    struct verdict listed;
    struct verify_rows rows;

    if (verify_evidence(&evidence, &collateral, &options, &claims, &verdict, NULL) ||
        verify_evidence(&evidence, &collateral, &options, &claims, &listed, &rows)) {
        abort();
    }
    if (verdict.row != listed.row || strcmp(verdict.slug, listed.slug) != 0) {
        abort();
    }
    return 0;
}
