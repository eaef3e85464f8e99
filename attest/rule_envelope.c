/*
 * Rule: rows 1 to 9, the envelope and the certificate table.
 */
#include "attest/rule.h"

#include <string.h>

static bool has_simulated_anchor(const struct verify_options *options)
{
    for (size_t i = 0; i < options->num_anchors; i++) {
        if (options->anchors[i].provider == PROVIDER_SIM) {
            return true;
        }
    }
    return false;
}

static const char *judge_provider(struct appraisal *a)
{
    struct bytes provider = a->evidence->provider;

    rule_text(provider, a->found.actual);
    if (rule_is_text(provider, "sev_guest")) {
        a->provider = PROVIDER_SEV_GUEST;
        a->provider_known = true;
        return NULL;
    }
    if (rule_is_text(provider, "sim") && has_simulated_anchor(a->options)) {
        a->provider = PROVIDER_SIM;
        a->provider_known = true;
        return NULL;
    }
    return "provider-unknown";
}

static const char *judge_service_provider(struct appraisal *a)
{
    return a->evidence->service_provider.data == NULL ? NULL : "service-provider";
}

static const char *judge_paravisor(struct appraisal *a)
{
    struct bytes blob = a->evidence->outblob;

    return blob.len >= 4 && memcmp(blob.data, "HCLA", 4) == 0 ? "paravisor" : NULL;
}

static const char *judge_length(struct appraisal *a)
{
    verdict_expected(&a->found, "%d", REPORT_LEN);
    verdict_actual(&a->found, "%zu", a->evidence->outblob.len);
    return report_over(a->evidence->outblob, &a->report) ? NULL : "length";
}

static const char *judge_table_length(struct appraisal *a)
{
    verdict_expected(&a->found, "at most %d", TABLE_LEN_MAX);
    verdict_actual(&a->found, "%zu", a->evidence->auxblob.len);
    return a->evidence->auxblob.len <= TABLE_LEN_MAX ? NULL : "aux-too-long";
}

static const char *judge_table_end(struct appraisal *a)
{
    if (a->evidence->auxblob.len > TABLE_LEN_MAX || !table_over(a->evidence->auxblob, &a->table)) {
        return "aux-unterminated";
    }
    a->table_known = true;
    return NULL;
}

/* A table that fails one of its rows is not looked into any further. */
static const char *judge_table(struct appraisal *a,
                               const char *(*check)(const struct table *, size_t *))
{
    size_t entry = 0;
    const char *slug = check(&a->table, &entry);

    if (slug != NULL) {
        verdict_actual(&a->found, "entry %zu", entry);
        a->table_known = false;
    }
    return slug;
}

static const char *judge_table_entries(struct appraisal *a)
{
    return judge_table(a, table_check_entries);
}

static const char *judge_table_ranges(struct appraisal *a)
{
    return judge_table(a, table_check_ranges);
}

static const char *judge_table_overlaps(struct appraisal *a)
{
    return judge_table(a, table_check_overlaps);
}

// clang-format off
const struct rule rules_envelope[] = {
    {1, VERDICT_PLATFORM_UNSUPPORTED, "provider",         0, judge_provider},
    {2, VERDICT_PLATFORM_UNSUPPORTED, "service provider", 0, judge_service_provider},
    {3, VERDICT_PLATFORM_UNSUPPORTED, "paravisor",        0, judge_paravisor},
    {4, VERDICT_REPORT_INVALID, "report length",          0, judge_length},
    {5, VERDICT_REPORT_INVALID, "table length",           0, judge_table_length},
    {6, VERDICT_REPORT_INVALID, "table end",              0, judge_table_end},
    {7, VERDICT_REPORT_INVALID, "table entries",          NEEDS_TABLE, judge_table_entries},
    {8, VERDICT_REPORT_INVALID, "table bodies, range",    NEEDS_TABLE, judge_table_ranges},
    {9, VERDICT_REPORT_INVALID, "table bodies",           NEEDS_TABLE, judge_table_overlaps},
};
// clang-format on
const size_t rules_envelope_len = sizeof(rules_envelope) / sizeof(rules_envelope[0]);
