/*
 * Policy: judging claims against rules that somebody else read (attest/policy_file.h).
 *
 * Every function here is pure.  The rows are those of the evidence table, groups G to J.
 */
#include "attest/policy.h"

#include <inttypes.h>

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
