/*
 * Policy_guest: rows 69 to 73, what the guest's owner demanded of the platform at launch.
 */
#include "attest/policy_predicate.h"

#include <inttypes.h>

static const char *judge_choices(struct policy_case *c)
{
    const struct policy_guest_rules *rules = &c->workload->guest;
    const struct {
        bool set;
        bool allowed;
        const char *slug;
    } bits[] = {
        {c->claims->debug, rules->allow_debug, "debug-allowed"},
        {c->claims->migration, rules->allow_migration, "migration-allowed"},
        {c->claims->smt, !rules->refuse_smt, "smt-allowed"},
    };

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if (bits[i].set && !bits[i].allowed) {
            verdict_expected(&c->found, "0");
            verdict_actual(&c->found, "1");
            return bits[i].slug;
        }
    }
    return NULL;
}

static const char *judge_vmpl(struct policy_case *c)
{
    verdict_expected(&c->found, "%" PRIu32, c->workload->guest.vmpl);
    verdict_actual(&c->found, "%" PRIu32, c->claims->vmpl);
    return c->claims->vmpl == c->workload->guest.vmpl ? NULL : "vmpl-not-allowed";
}

static const char *judge_forbidden(struct policy_case *c)
{
    return policy_judge_bits(c, POLICY_WORD_GUEST, POLICY_FORBID, c->workload->guest.forbid);
}

static const char *judge_required(struct policy_case *c)
{
    return policy_judge_bits(c, POLICY_WORD_GUEST, POLICY_REQUIRE, c->workload->guest.require);
}

static const char *judge_abi(struct policy_case *c)
{
    uint64_t abi = c->claims->guest_policy & 0xffff; /* major above minor */
    const struct firmware *now = &c->claims->current_firmware;
    uint64_t offered = (uint64_t)now->major << 8 | now->minor;

    verdict_actual(&c->found, "ABI %u.%u", (unsigned)(abi >> 8), (unsigned)(abi & 0xff));
    if (abi > offered) {
        verdict_expected(&c->found, "at most %u.%u, the firmware's", now->major, now->minor);
        return "abi-above-firmware";
    }
    verdict_expected(&c->found, "at least %u.%u", c->workload->guest.min_abi >> 8U,
                     c->workload->guest.min_abi & 0xffU);
    return abi < c->workload->guest.min_abi ? "abi-below-minimum" : NULL;
}

// clang-format off
const struct policy_predicate policy_guest_rows[] = {
    {69, VERDICT_GUEST_POLICY, "debug, migration, SMT", judge_choices},
    {70, VERDICT_GUEST_POLICY, "VMPL",                  judge_vmpl},
    {71, VERDICT_GUEST_POLICY, "forbidden guest bits",  judge_forbidden},
    {72, VERDICT_GUEST_POLICY, "required guest bits",   judge_required},
    {73, VERDICT_GUEST_POLICY, "ABI",                   judge_abi},
};
// clang-format on
const size_t policy_guest_rows_len = sizeof(policy_guest_rows) / sizeof(policy_guest_rows[0]);
