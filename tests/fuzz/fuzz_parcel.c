/*
 * Fuzz: a report and the certificate table behind it, as an agent judges them before they leave: it
 * keeps back exactly what the verifier refuses for what it is, and not for whose.  A bad table
 * alone is no reason: it stays behind.
 */
#include <stdlib.h>

#include "attest/parcel.h"
#include "attest/report.h"
#include "attest/verify.h"
#include "common/err.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1790000000
#define ROW_TABLE 5 /* to ROW_TABLE_END */
#define ROW_TABLE_END 9
#define ROW_LAST 20 /* of the envelope and the report */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char provider[] = "sev_guest";
    const struct collateral none = {.num_certs = 0};
    size_t report_len = len < REPORT_LEN ? len : REPORT_LEN;
    struct evidence evidence = {
        .provider = {(const uint8_t *)provider, sizeof(provider) - 1},
        .outblob = {data, report_len},
        .auxblob = {len > report_len ? data + report_len : NULL, len - report_len},
    };
    struct verify_options options = {
        .now = NOW,
        .anchors = verify_vendor_anchors,
        .num_anchors = verify_num_vendor_anchors,
        .vendor_crl = VENDOR_CRL_USE,
    };
    struct parcel *parcel = NULL;
    struct claims claims;
    struct verdict verdict;
    struct err err;

    parcel = parcel_new(&evidence, NOW, &err);
    if (verify_evidence(&evidence, &none, &options, &claims, &verdict, NULL)) {
        abort();
    }
    if (verdict.row >= ROW_TABLE && verdict.row <= ROW_TABLE_END) {
        evidence.auxblob = (struct bytes){0};
        if (verify_evidence(&evidence, &none, &options, &claims, &verdict, NULL)) {
            abort();
        }
    }
    if ((parcel == NULL) != (verdict.row <= ROW_LAST)) {
        abort();
    }
    /* What is sent is refused for no reason of the kinds above either. */
    if (parcel != NULL &&
        (verify_evidence(parcel_evidence(parcel), &none, &options, &claims, &verdict, NULL) ||
         verdict.row <= ROW_LAST)) {
        abort();
    }
    parcel_free(parcel);
    return 0;
}
