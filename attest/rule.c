/*
 * Rule: what judges of several tables use.
 */
#include "attest/rule.h"

#include <string.h>

const char rule_skipped[] = "skipped";

unsigned rule_known(const struct appraisal *a)
{
    return (a->report.data != NULL ? NEEDS_REPORT : 0U) | (a->table_known ? NEEDS_TABLE : 0U) |
           (a->pool != NULL ? NEEDS_POOL : 0U) | (a->vek != NULL ? NEEDS_VEK : 0U) |
           (a->ask != NULL ? NEEDS_ASK : 0U) | (a->ark != NULL ? NEEDS_ARK : 0U) |
           (a->layout_known ? NEEDS_LAYOUT : 0U) | (a->provider_known ? NEEDS_PROVIDER : 0U) |
           (a->spl_known ? NEEDS_SPL : 0U) | (a->hwid_known ? NEEDS_HWID : 0U);
}

bool rule_is_text(struct bytes bytes, const char *text)
{
    return bytes.data != NULL && bytes.len == strlen(text) &&
           memcmp(bytes.data, text, bytes.len) == 0;
}

enum vek_kind rule_vek_kind(const struct cert *cert)
{
    struct bytes name;

    if (!cert_common_name(cert->subject, &name)) {
        return VEK_NAMED_OTHERWISE;
    }
    if (rule_is_text(name, "SEV-VCEK")) {
        return VEK_VCEK;
    }
    return rule_is_text(name, "SEV-VLEK") ? VEK_VLEK : VEK_NAMED_OTHERWISE;
}

void rule_text(struct bytes bytes, char out_text[static VERDICT_VALUE_CAP])
{
    size_t len = 0;

    for (; len < bytes.len && len + 1 < VERDICT_VALUE_CAP; len++) {
        uint8_t c = bytes.data[len];

        out_text[len] = '?';
        if (c >= 0x20 && c < 0x7f) {
            out_text[len] = (char)c;
        }
    }
    out_text[len] = '\0';
}
