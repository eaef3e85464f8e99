/*
 * Policy: judging claims against rules that policy_file read.
 *
 * Every function here is pure.  The rows of groups G to J of the evidence table stand in
 * policy_guest, policy_machine, policy_tcb and policy_reference.
 */
#include "attest/policy.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/crypto.h>

#include "attest/policy_predicate.h"

const char policy_skipped[] = "skipped";

/* The groups in their order; without a policy file only the first two are judged. */
static const struct {
    const struct policy_predicate *rows;
    const size_t *len;
} groups[] = {
    {policy_guest_rows, &policy_guest_rows_len},
    {policy_machine_rows, &policy_machine_rows_len},
    {policy_tcb_rows, &policy_tcb_rows_len},
    {policy_reference_rows, &policy_reference_rows_len},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))
#define GROUPS_WITHOUT_POLICY 2

bool policy_lists(const struct policy_values *values, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < values->num; i++) {
        if (CRYPTO_memcmp(values->data + i * len, data, len) == 0) {
            return true;
        }
    }
    return false;
}

const char *policy_judge_bits(struct policy_case *c, enum policy_word word, enum policy_wish wish,
                              uint64_t mask)
{
    bool guest = word == POLICY_WORD_GUEST;
    uint64_t value = guest ? c->claims->guest_policy : c->claims->platform_info;
    const struct policy_bit *broken = policy_bits_broken(word, wish, mask, value);

    if (mask == 0) {
        return policy_skipped;
    }
    if (broken == NULL) {
        return NULL;
    }
    verdict_expected(&c->found, "bit %u %s", broken->bit, wish == POLICY_REQUIRE ? "set" : "clear");
    verdict_actual(&c->found, "%s 0x%" PRIx64, guest ? "POLICY" : "PLATFORM_INFO", value);
    return broken->slug;
}

static void report_row(struct verify_rows *rows, const struct policy_predicate *predicate,
                       const char *slug, const struct verdict *verdict)
{
    if (rows != NULL && rows->num_results < VERIFY_ROWS_MAX) {
        struct row_result *result = &rows->results[rows->num_results++];

        *result = (struct row_result){
            .row = predicate->row,
            .state = slug == NULL             ? ROW_OK
                     : slug == policy_skipped ? ROW_SKIPPED
                                              : ROW_FAILED,
            .check = predicate->check,
        };
        if (result->state == ROW_FAILED) {
            result->verdict = *verdict;
        }
    }
}

/* True if all rows of the first groups hold.  With `rows` all are judged, else up to the first that
   does not. */
static bool judge(struct policy_case *c, size_t num_groups, struct verdict *out_verdict,
                  struct verify_rows *rows)
{
    bool holds = true;

    for (size_t i = 0; i < num_groups; i++) {
        for (size_t j = 0; j < *groups[i].len; j++) {
            const struct policy_predicate *predicate = &groups[i].rows[j];
            const char *slug = predicate->judge(c);

            if (slug != NULL && slug != policy_skipped) {
                struct verdict verdict = c->found;

                verdict.code = predicate->code;
                verdict.slug = slug;
                verdict.row = predicate->row;
                if (holds) {
                    *out_verdict = verdict;
                }
                holds = false;
                c->found = verdict;
            }
            report_row(rows, predicate, slug, &c->found);
            c->found = (struct verdict){.code = VERDICT_ACCEPTED};
            if (!holds && rows == NULL) {
                return false;
            }
        }
    }
    return holds;
}

bool policy_check_defaults(const struct claims *claims, const struct policy_guest_rules *rules,
                           struct verdict *out_verdict, struct verify_rows *rows_out)
{
    const struct policy_workload workload = {.guest = *rules};
    struct policy_case c = {.workload = &workload, .claims = claims};

    return judge(&c, GROUPS_WITHOUT_POLICY, out_verdict, rows_out);
}

bool policy_explain(const struct policy *policy, const char *workload, const struct claims *claims,
                    struct verify_rows *rows)
{
    for (size_t i = 0; i < policy->num_workloads; i++) {
        struct policy_case c = {
            .policy = policy, .workload = &policy->workloads[i], .claims = claims};
        struct verdict verdict;

        if (strcmp(c.workload->name, workload) == 0) {
            (void)judge(&c, GROUPS, &verdict, rows);
            return true;
        }
    }
    return false;
}

/* Row 67.  A chip is known by CHIP_ID and by the VCEK's hwID: masking the first must not hide it.
 */
static bool check_chip(const struct policy *policy, const struct claims *claims,
                       struct verdict *out_verdict)
{
    const struct policy_values *chips = &policy->denied[POLICY_DENY_CHIP];
    bool chip = policy_lists(chips, claims->chip, CLAIMS_CHIP_LEN) ||
                policy_lists(chips, claims->vek_chip, CLAIMS_CHIP_LEN);

    if (chip) {
        verdict_refuse(out_verdict, VERDICT_REVOKED, 67, "chip-denied");
        verdict_hex((struct bytes){claims->vlek ? claims->chip : claims->vek_chip, CLAIMS_CHIP_LEN},
                    out_verdict->actual);
    }
    return !chip;
}

/* Row 68. */
static bool check_measurement_and_vek(const struct policy *policy, const struct claims *claims,
                                      struct verdict *out_verdict)
{
    if (policy_lists(&policy->denied[POLICY_DENY_MEASUREMENT], claims->measurement,
                     POLICY_MEASUREMENT_LEN)) {
        verdict_refuse(out_verdict, VERDICT_REVOKED, 68, "measurement-denied");
        verdict_hex((struct bytes){claims->measurement, POLICY_MEASUREMENT_LEN},
                    out_verdict->actual);
        return false;
    }
    if (policy_lists(&policy->denied[POLICY_DENY_VEK], claims->vek_spki_sha256,
                     sizeof(claims->vek_spki_sha256))) {
        verdict_refuse(out_verdict, VERDICT_REVOKED, 68, "vek-denied");
        verdict_hex((struct bytes){claims->vek_spki_sha256, sizeof(claims->vek_spki_sha256)},
                    out_verdict->actual);
        return false;
    }
    return true;
}

bool policy_check_deny(const struct policy *policy, const struct claims *claims,
                       struct verdict *out_verdict, struct verify_rows *rows)
{
    struct row_result results[] = {{.row = 67, .check = "denied chips"},
                                   {.row = 68, .check = "denied measurements, keys"}};
    bool chip_holds = check_chip(policy, claims, &results[0].verdict);
    bool others_hold = check_measurement_and_vek(policy, claims, &results[1].verdict);

    results[0].state = chip_holds ? ROW_OK : ROW_FAILED;
    results[1].state = others_hold ? ROW_OK : ROW_FAILED;
    for (size_t i = 0; rows != NULL && i < 2 && rows->num_results < VERIFY_ROWS_MAX; i++) {
        rows->results[rows->num_results++] = results[i];
    }
    if (chip_holds && others_hold) {
        return true;
    }
    *out_verdict = results[chip_holds ? 1 : 0].verdict;
    return false;
}

const struct policy_ca *policy_ca(const struct policy *policy)
{
    return &policy->ca;
}

/* What all workloads of one platform said. */
struct tally {
    const struct policy_workload *match;    /* the last one that matched */
    const struct policy_workload *selected; /* the match that the URI names */
    size_t num_matches;
    size_t num_failures;
    bool mixed;           /* failures of more than one class */
    struct verdict first; /* the first failure */
};

static void tally_workload(const struct policy *policy, const struct policy_workload *workload,
                           const struct claims *claims, struct tally *tally,
                           struct policy_trace *trace)
{
    struct policy_case c = {.policy = policy, .workload = workload, .claims = claims};

    trace->workload = workload->name;
    trace->matches = judge(&c, GROUPS, &trace->first_failure, NULL);
    if (trace->matches) {
        tally->match = workload;
        tally->num_matches++;
        return;
    }
    if (tally->num_failures++ == 0) {
        tally->first = trace->first_failure;
    }
    tally->mixed = tally->mixed || trace->first_failure.code != tally->first.code;
}

static bool refuse_tally(const struct tally *tally, const char *uri, struct verdict *out_verdict)
{
    if (tally->num_matches > 0) {
        verdict_refuse(out_verdict, VERDICT_IDENTITY_NOT_PERMITTED, 0,
                       uri != NULL ? "uri-not-permitted" : "several-workloads-match");
        verdict_actual(out_verdict, "%s", uri != NULL ? uri : "no URI");
        return false;
    }
    if (tally->num_failures > 0 && !tally->mixed) {
        *out_verdict = tally->first;
        return false;
    }
    verdict_refuse(out_verdict, VERDICT_NO_POLICY_MATCH, 0, "no-workload-matches");
    verdict_actual(out_verdict, "%zu workloads of this platform", tally->num_failures);
    return false;
}

bool policy_evaluate(const struct policy *policy, const struct claims *claims, const char *uri,
                     struct policy_grant *out_grant, struct verdict *out_verdict,
                     struct policy_traces *traces)
{
    struct tally tally = {0};
    const struct policy_workload *granted = NULL;

    if (!policy_check_deny(policy, claims, out_verdict, NULL)) {
        return false;
    }
    for (size_t i = 0; i < policy->num_workloads; i++) {
        const struct policy_workload *workload = &policy->workloads[i];
        struct policy_trace trace = {0};

        if (workload->tee != claims->tee) {
            continue;
        }
        tally_workload(policy, workload, claims, &tally, &trace);
        if (trace.matches && uri != NULL && strcmp(uri, workload->spiffe) == 0) {
            tally.selected = workload;
        }
        if (traces != NULL && traces->num < traces->cap) {
            traces->items[traces->num++] = trace;
        }
    }
    granted = uri != NULL ? tally.selected : tally.num_matches == 1 ? tally.match : NULL;
    if (granted == NULL) {
        return refuse_tally(&tally, uri, out_verdict);
    }
    *out_grant = (struct policy_grant){
        .workload = granted->name,
        .spiffe = granted->spiffe,
        .dns = (const char *const *)granted->dns,
        .num_dns = granted->num_dns,
        .ttl_s = granted->ttl_s,
    };
    return true;
}
