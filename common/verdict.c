/*
 * Verdict: the names of the codes and the filling of a refusal.
 */
#include "common/verdict.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[VERDICT_CODES] = {
    [VERDICT_ACCEPTED] = "accepted",
    [VERDICT_REQUEST_INVALID] = "request-invalid",
    [VERDICT_CSR_INVALID] = "csr-invalid",
    [VERDICT_ENVELOPE_INVALID] = "envelope-invalid",
    [VERDICT_NONCE_INVALID] = "nonce-invalid",
    [VERDICT_NONCE_EXPIRED] = "nonce-expired",
    [VERDICT_NONCE_REPLAYED] = "nonce-replayed",
    [VERDICT_KEY_NOT_ALLOWED] = "key-not-allowed",
    [VERDICT_KEY_REUSED] = "key-reused",
    [VERDICT_PLATFORM_UNSUPPORTED] = "platform-unsupported",
    [VERDICT_REPORT_INVALID] = "report-invalid",
    [VERDICT_CHAIN_INVALID] = "chain-invalid",
    [VERDICT_REVOKED] = "revoked",
    [VERDICT_COLLATERAL_INVALID] = "collateral-invalid",
    [VERDICT_COLLATERAL_UNAVAILABLE] = "collateral-unavailable",
    [VERDICT_SIGNATURE_INVALID] = "signature-invalid",
    [VERDICT_BINDING_MISMATCH] = "binding-mismatch",
    [VERDICT_GUEST_POLICY] = "guest-policy",
    [VERDICT_TCB_NOT_ALLOWED] = "tcb-not-allowed",
    [VERDICT_MACHINE_NOT_ALLOWED] = "machine-not-allowed",
    [VERDICT_REFERENCE_MISMATCH] = "reference-mismatch",
    [VERDICT_NO_POLICY_MATCH] = "no-policy-match",
    [VERDICT_IDENTITY_NOT_PERMITTED] = "identity-not-permitted",
    [VERDICT_RATE_LIMITED] = "rate-limited",
    [VERDICT_UNAVAILABLE] = "unavailable",
};

const char *verdict_code_name(enum verdict_code code)
{
    assert(code < VERDICT_CODES);
    return names[code];
}

bool verdict_code_find(const char *name, enum verdict_code *out_code)
{
    for (unsigned i = 0; i < VERDICT_CODES; i++) {
        if (strcmp(names[i], name) == 0) {
            *out_code = (enum verdict_code)i;
            return true;
        }
    }
    return false;
}

bool verdict_refuse(struct verdict *verdict, enum verdict_code code, int row, const char *slug)
{
    assert(code != VERDICT_ACCEPTED && slug != NULL);
    *verdict = (struct verdict){.code = code, .slug = slug, .row = row};
    return false;
}

void verdict_expected(struct verdict *verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(verdict->expected, sizeof(verdict->expected), format, args);
    va_end(args);
}

void verdict_actual(struct verdict *verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(verdict->actual, sizeof(verdict->actual), format, args);
    va_end(args);
}

void verdict_hex(struct bytes bytes, char out_value[static VERDICT_VALUE_CAP])
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;

    for (size_t i = 0; i < bytes.len && len + 2 < VERDICT_VALUE_CAP; i++) {
        out_value[len++] = digits[bytes.data[i] >> 4];
        out_value[len++] = digits[bytes.data[i] & 15];
    }
    out_value[len] = '\0';
}
