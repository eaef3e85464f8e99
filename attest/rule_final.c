/*
 * Rule: rows 64 to 66, the keys known to be revoked, the report's signature and its binding.
 */
#include "attest/rule.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "attest/memo.h"
#include "attest/product.h"

static const char *judge_revoked(struct appraisal *a)
{
    uint8_t hash[32];

    return cert_spki_sha256(a->ask, hash) && !product_intermediate_revoked(hash)
               ? NULL
               : "intermediate-known-revoked";
}

static const char *judge_signature(struct appraisal *a)
{
    EVP_PKEY *key = memo_p384_key(a->options->memo, a->vek);
    bool ok = key != NULL && report_authenticate(a->report, key, &a->verified);

    EVP_PKEY_free(key);
    return ok ? NULL : "report-signature";
}

static const char *judge_binding(struct appraisal *a)
{
    struct bytes data = report_bytes(a->report, REPORT_REPORT_DATA);
    struct bytes wanted = {a->options->report_data, data.len};

    if (wanted.data == NULL) {
        return rule_skipped;
    }
    verdict_hex(wanted, a->found.expected);
    verdict_hex(data, a->found.actual);
    return CRYPTO_memcmp(data.data, wanted.data, data.len) == 0 ? NULL : "report-data";
}

// clang-format off
const struct rule rules_final[] = {
    {64, VERDICT_REVOKED, "built-in list",               NEEDS_ASK, judge_revoked},
    {65, VERDICT_SIGNATURE_INVALID, "signature",         NEEDS_REPORT | NEEDS_VEK, judge_signature},
    {66, VERDICT_BINDING_MISMATCH, "binding",            NEEDS_REPORT, judge_binding},
};
// clang-format on
const size_t rules_final_len = sizeof(rules_final) / sizeof(rules_final[0]);
