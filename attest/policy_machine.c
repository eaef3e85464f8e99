/*
 * Policy_machine: rows 74 to 78, which machine it is and how it is set up.
 */
#include "attest/policy_predicate.h"

#include <inttypes.h>
#include <string.h>

#include "attest/policy_bits.h"

/* A VLEK speaks for a provider, and a masked machine for nobody: neither is on any list. */
static const char *judge_chip(struct policy_case *c)
{
    const struct policy_machine_rules *rules = &c->workload->machine;

    if (rules->chips.num > 0) {
        if (!c->claims->chip_known) {
            verdict_expected(&c->found, "one of %zu chips", rules->chips.num);
            verdict_actual(&c->found, "%s", c->claims->vlek ? "a VLEK" : "a masked CHIP_ID");
            return "chip-unidentified";
        }
        if (!policy_lists(&rules->chips, c->claims->chip, CLAIMS_CHIP_LEN)) {
            verdict_expected(&c->found, "one of %zu chips", rules->chips.num);
            verdict_hex((struct bytes){c->claims->chip, CLAIMS_CHIP_LEN}, c->found.actual);
            return "chip-not-listed";
        }
    }
    if (!c->claims->vlek && !c->claims->chip_known && !rules->allow_masked_chip) {
        verdict_expected(&c->found, "a CHIP_ID");
        verdict_actual(&c->found, "zero");
        return "chip-masked";
    }
    return NULL;
}

static const char *judge_key(struct policy_case *c)
{
    const struct policy_machine_rules *rules = &c->workload->machine;
    enum policy_vek is = c->claims->vlek ? POLICY_VEK_VLEK : POLICY_VEK_VCEK;

    if (rules->vek == POLICY_VEK_ANY && rules->num_csp == 0) {
        return policy_skipped;
    }
    if (rules->vek != POLICY_VEK_ANY && rules->vek != is) {
        verdict_expected(&c->found, "%s", rules->vek == POLICY_VEK_VCEK ? "vcek" : "vlek");
        verdict_actual(&c->found, "%s", is == POLICY_VEK_VCEK ? "vcek" : "vlek");
        return "vek-kind-not-allowed";
    }
    for (size_t i = 0; i < rules->num_csp; i++) {
        if (strcmp(rules->csp[i], c->claims->csp) == 0) {
            return NULL;
        }
    }
    verdict_expected(&c->found, "one of %zu providers", rules->num_csp);
    verdict_actual(&c->found, "%s", c->claims->csp[0] != '\0' ? c->claims->csp : "none");
    return rules->num_csp > 0 ? "csp-not-listed" : NULL;
}

static const char *judge_required(struct policy_case *c)
{
    return policy_judge_bits(c, POLICY_WORD_PLATFORM, POLICY_REQUIRE, c->workload->machine.require);
}

static const char *judge_forbidden(struct policy_case *c)
{
    return policy_judge_bits(c, POLICY_WORD_PLATFORM, POLICY_FORBID, c->workload->machine.forbid);
}

static const char *judge_unknown(struct policy_case *c)
{
    uint64_t unknown = c->claims->platform_info & ~POLICY_PLATFORM_KNOWN;

    verdict_expected(&c->found, "no bits but 0x%" PRIx64,
                     POLICY_PLATFORM_KNOWN | c->workload->machine.accept);
    verdict_actual(&c->found, "PLATFORM_INFO 0x%" PRIx64, c->claims->platform_info);
    return (unknown & ~c->workload->machine.accept) == 0 ? NULL : "platform-bits-unknown";
}

// clang-format off
const struct policy_predicate policy_machine_rows[] = {
    {74, VERDICT_MACHINE_NOT_ALLOWED, "chip",                    judge_chip},
    {75, VERDICT_MACHINE_NOT_ALLOWED, "key kind, provider",      judge_key},
    {76, VERDICT_MACHINE_NOT_ALLOWED, "required platform bits",  judge_required},
    {77, VERDICT_MACHINE_NOT_ALLOWED, "forbidden platform bits", judge_forbidden},
    {78, VERDICT_MACHINE_NOT_ALLOWED, "unknown platform bits",   judge_unknown},
};
// clang-format on
const size_t policy_machine_rows_len = sizeof(policy_machine_rows) / sizeof(policy_machine_rows[0]);
