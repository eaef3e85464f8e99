/*
 * Policy_reference: rows 87 to 91, what was launched, and who signed for it.
 */
#include "attest/policy_predicate.h"

#include <inttypes.h>

#include <openssl/crypto.h>

/* A list that the workload has, against what the report says. */
static const char *judge_list(struct policy_case *c, enum policy_reference which,
                              const uint8_t *data, const char *slug)
{
    const struct policy_values *values = &c->workload->references[which];

    if (values->num == 0) {
        return policy_skipped;
    }
    if (policy_lists(values, data, policy_reference_info(which)->len)) {
        return NULL;
    }
    verdict_expected(&c->found, "one of %zu of [workload %s]", values->num, c->workload->name);
    verdict_hex((struct bytes){data, policy_reference_info(which)->len}, c->found.actual);
    return slug;
}

static const char *judge_measurement(struct policy_case *c)
{
    if (c->workload->references[POLICY_MEASUREMENT].num > 0 &&
        c->claims->measurement_len != POLICY_MEASUREMENT_LEN) {
        verdict_expected(&c->found, "%d bytes", POLICY_MEASUREMENT_LEN);
        verdict_actual(&c->found, "%zu bytes", c->claims->measurement_len);
        return "measurement";
    }
    return judge_list(c, POLICY_MEASUREMENT, c->claims->measurement, "measurement");
}

static const char *judge_signers(struct policy_case *c)
{
    const char *id_key = judge_list(c, POLICY_ID_KEY, c->claims->id_key_digest, "id-key");
    const char *author = NULL;

    if (id_key != NULL && id_key != policy_skipped) {
        return id_key;
    }
    if (c->workload->references[POLICY_AUTHOR_KEY].num > 0 && !c->claims->author_key_enabled) {
        verdict_expected(&c->found, "an author key");
        verdict_actual(&c->found, "AUTHOR_KEY_EN 0");
        return "author-key-absent";
    }
    author = judge_list(c, POLICY_AUTHOR_KEY, c->claims->author_key_digest, "author-key");
    return author == policy_skipped ? id_key : author;
}

static const char *judge_names(struct policy_case *c)
{
    const struct {
        enum policy_reference which;
        const uint8_t *data;
        const char *slug;
    } rows[] = {
        {POLICY_FAMILY_ID, c->claims->family_id, "family-id"},
        {POLICY_IMAGE_ID, c->claims->image_id, "image-id"},
        {POLICY_HOST_DATA, c->claims->host_data, "host-data"},
    };
    const char *all = policy_skipped;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *slug = judge_list(c, rows[i].which, rows[i].data, rows[i].slug);

        if (slug == NULL) {
            all = NULL;
        } else if (slug != policy_skipped) {
            return slug;
        }
    }
    return all;
}

static const char *judge_svn(struct policy_case *c)
{
    if (c->workload->min_guest_svn == 0) {
        return policy_skipped;
    }
    verdict_expected(&c->found, "at least %" PRIu32, c->workload->min_guest_svn);
    verdict_actual(&c->found, "%" PRIu32, c->claims->guest_svn);
    return c->claims->guest_svn >= c->workload->min_guest_svn ? NULL : "guest-svn";
}

// clang-format off
const struct policy_predicate policy_reference_rows[] = {
    {87, VERDICT_REFERENCE_MISMATCH, "measurement",              judge_measurement},
    {88, VERDICT_REFERENCE_MISMATCH, "ID key, author key",       judge_signers},
    {89, VERDICT_REFERENCE_MISMATCH, "family, image, host data", judge_names},
    {90, VERDICT_REFERENCE_MISMATCH, "guest SVN",                judge_svn},
};
// clang-format on
const size_t policy_reference_rows_len =
    sizeof(policy_reference_rows) / sizeof(policy_reference_rows[0]);

bool policy_check_instance(const struct claims *claims, const struct policy_instance *instance,
                           struct verdict *out_verdict)
{
    const struct {
        const uint8_t *wanted;
        const uint8_t *found;
        const char *slug;
    } rows[] = {
        {instance->report_id, claims->report_id, "report-id"},
        {instance->report_id_ma, claims->report_id_ma, "report-id-ma"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].wanted != NULL &&
            CRYPTO_memcmp(rows[i].wanted, rows[i].found, CLAIMS_REPORT_ID_LEN) != 0) {
            verdict_refuse(out_verdict, VERDICT_REFERENCE_MISMATCH, 91, rows[i].slug);
            verdict_hex((struct bytes){rows[i].wanted, CLAIMS_REPORT_ID_LEN},
                        out_verdict->expected);
            verdict_hex((struct bytes){rows[i].found, CLAIMS_REPORT_ID_LEN}, out_verdict->actual);
            return false;
        }
    }
    return true;
}
