/*
 * Verdict: what a check decided about evidence or a request.  A result, not an error.
 *
 * Codes are those of the enrolment protocol, which a client of the CA may see; slugs and values go
 * to the audit log and to the operator's tool, never to a client.
 */
#pragma once

#include <stdbool.h>

#include "common/bytes.h"
#include "common/compiler.h"

enum verdict_code {
    VERDICT_ACCEPTED = 0,
    VERDICT_REQUEST_INVALID,
    VERDICT_CSR_INVALID,
    VERDICT_ENVELOPE_INVALID,
    VERDICT_NONCE_INVALID,
    VERDICT_NONCE_EXPIRED,
    VERDICT_NONCE_REPLAYED,
    VERDICT_KEY_NOT_ALLOWED,
    VERDICT_KEY_REUSED,
    VERDICT_PLATFORM_UNSUPPORTED,
    VERDICT_REPORT_INVALID,
    VERDICT_CHAIN_INVALID,
    VERDICT_REVOKED,
    VERDICT_COLLATERAL_INVALID,
    VERDICT_COLLATERAL_UNAVAILABLE,
    VERDICT_SIGNATURE_INVALID,
    VERDICT_BINDING_MISMATCH,
    VERDICT_GUEST_POLICY,
    VERDICT_TCB_NOT_ALLOWED,
    VERDICT_MACHINE_NOT_ALLOWED,
    VERDICT_REFERENCE_MISMATCH,
    VERDICT_NO_POLICY_MATCH,
    VERDICT_IDENTITY_NOT_PERMITTED,
    VERDICT_RATE_LIMITED,
    VERDICT_UNAVAILABLE,
    VERDICT_CODES, /* how many there are */
};

#define VERDICT_VALUE_CAP 160

struct verdict {
    enum verdict_code code;
    const char
        *slug; /* static text, stable and unique, e.g. "vek-tcb-mismatch"; NULL if accepted */
    int row;   /* rule number of the evidence table, 0 if the rule is not in it */
    char expected[VERDICT_VALUE_CAP];
    char actual[VERDICT_VALUE_CAP];
};

/* The code's name on the wire, e.g. "report-invalid"; "accepted" for VERDICT_ACCEPTED. */
const char *verdict_code_name(enum verdict_code code);

/* Finds a code by its wire name.  False if there is none; `out_code` untouched. */
bool verdict_code_find(const char *name, enum verdict_code *out_code);

/* Fills a refusal without values.  Returns false, so that checks can `return verdict_refuse(...)`.
 */
bool verdict_refuse(struct verdict *verdict, enum verdict_code code, int row, const char *slug);

/* Sets what was wanted and what was found; each cut at VERDICT_VALUE_CAP. */
void verdict_expected(struct verdict *verdict, const char *format, ...) PRINTF(2, 3);
void verdict_actual(struct verdict *verdict, const char *format, ...) PRINTF(2, 3);

/* The bytes in hexadecimal, cut to what fits in one of a verdict's values. */
void verdict_hex(struct bytes bytes, char out_value[static VERDICT_VALUE_CAP]);
