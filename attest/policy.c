/*
 * Policy: judging claims against rules that policy_file read.
 *
 * Every function here is pure.  The rows are those of the evidence table, groups G to J.
 */
#include "attest/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "attest/policy_rules.h"

bool policy_check_guest(const struct claims *claims, const struct policy_guest_rules *rules,
                        struct verdict *out_verdict)
{
    const struct {
        bool set;
        bool allowed;
        const char *slug;
    } bits[] = {
        {claims->debug, rules->allow_debug, "debug-allowed"},
        {claims->migration, rules->allow_migration, "migration-allowed"},
        {claims->smt, !rules->refuse_smt, "smt-allowed"},
    };

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if (bits[i].set && !bits[i].allowed) {
            verdict_refuse(out_verdict, VERDICT_GUEST_POLICY, 69, bits[i].slug);
            verdict_expected(out_verdict, "0");
            verdict_actual(out_verdict, "1");
            return false;
        }
    }
    if (claims->vmpl != rules->vmpl) {
        verdict_refuse(out_verdict, VERDICT_GUEST_POLICY, 70, "vmpl-not-allowed");
        verdict_expected(out_verdict, "%" PRIu32, rules->vmpl);
        verdict_actual(out_verdict, "%" PRIu32, claims->vmpl);
        return false;
    }
    return true;
}

static void describe_tcb(char *out, size_t cap, const struct tcb *tcb)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < TCB_COMPONENTS && len < cap; i++) {
        if (tcb->present[i]) {
            int put = snprintf(out + len, cap - len, "%s%s=%u", len > 0 ? " " : "",
                               tcb_component_name((enum tcb_component)i), tcb->value[i]);
            len += put > 0 ? (size_t)put : 0;
        }
    }
}

/* Component by component, a partial order; never a comparison of the whole as a number. */
static bool tcb_above(const struct tcb *tcb, const struct tcb *limit)
{
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (tcb->present[i] && (!limit->present[i] || tcb->value[i] > limit->value[i])) {
            return true;
        }
    }
    return false;
}

/* A floor for a component that this machine does not have is not met. */
static bool tcb_below(const struct tcb *tcb, const struct policy_floor *floor)
{
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (floor->set[i] && (!tcb->present[i] || tcb->value[i] < floor->min[i])) {
            return true;
        }
    }
    return false;
}

static bool refuse_tcb(struct verdict *out_verdict, int row, const char *slug,
                       const struct tcb *expected, const struct tcb *actual)
{
    char text[VERDICT_VALUE_CAP];

    verdict_refuse(out_verdict, VERDICT_TCB_NOT_ALLOWED, row, slug);
    describe_tcb(text, sizeof(text), expected);
    verdict_expected(out_verdict, "%s", text);
    describe_tcb(text, sizeof(text), actual);
    verdict_actual(out_verdict, "%s", text);
    return false;
}

/* Rows 79, 80 and 83. */
static bool check_tcb(const struct policy *policy, const struct policy_workload *workload,
                      const struct claims *claims, struct verdict *out_verdict)
{
    const struct policy_floor *floor = &policy->floors[claims->product];
    struct tcb minimum = {0};
    const struct {
        const struct tcb *tcb;
        const char *above;
        const char *below;
    } all[] = {
        {&claims->reported, "reported-above-current", "reported-below-floor"},
        {&claims->current, NULL, "current-below-floor"},
        {&claims->committed, "committed-above-current", "committed-below-floor"},
        {&claims->launch, "launch-above-current", "launch-below-floor"},
    };

    if (!workload->products[claims->product]) {
        verdict_refuse(out_verdict, VERDICT_TCB_NOT_ALLOWED, 79, "product-without-floor");
        verdict_actual(out_verdict, "%s", product_name(claims->product));
        return false;
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].above != NULL && tcb_above(all[i].tcb, &claims->current)) {
            return refuse_tcb(out_verdict, 80, all[i].above, &claims->current, all[i].tcb);
        }
    }
    memcpy(minimum.value, floor->min, sizeof(minimum.value));
    memcpy(minimum.present, floor->set, sizeof(minimum.present));
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (tcb_below(all[i].tcb, floor)) {
            return refuse_tcb(out_verdict, 83, all[i].below, &minimum, all[i].tcb);
        }
    }
    return true;
}

/* Row 87. */
static bool check_measurement(const struct policy_workload *workload, const struct claims *claims,
                              struct verdict *out_verdict)
{
    char text[2 * CLAIMS_MEASUREMENT_MAX + 1] = "";

    for (size_t i = 0; i < workload->num_measurements; i++) {
        if (claims->measurement_len == POLICY_MEASUREMENT_LEN &&
            CRYPTO_memcmp(claims->measurement, workload->measurements[i], POLICY_MEASUREMENT_LEN) ==
                0) {
            return true;
        }
    }
    for (size_t i = 0; i < claims->measurement_len && i < CLAIMS_MEASUREMENT_MAX; i++) {
        snprintf(text + 2 * i, 3, "%02x", claims->measurement[i]);
    }
    verdict_refuse(out_verdict, VERDICT_REFERENCE_MISMATCH, 87, "measurement");
    verdict_expected(out_verdict, "one of %zu of [workload %s]", workload->num_measurements,
                     workload->name);
    verdict_actual(out_verdict, "%s", text);
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
    trace->workload = workload->name;
    trace->matches = policy_check_guest(claims, &workload->guest, &trace->first_failure) &&
                     check_tcb(policy, workload, claims, &trace->first_failure) &&
                     check_measurement(workload, claims, &trace->first_failure);
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
