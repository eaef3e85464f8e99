/*
 * Policy_scope: what of all evidence a policy could accept, before any is authenticated: enough to
 * know what is worth looking for.
 */
#include "attest/policy.h"

#include <string.h>

#include "attest/policy_rules.h"

enum policy_interest policy_interest(const struct policy *policy, enum product product, bool vlek)
{
    enum policy_vek other = vlek ? POLICY_VEK_VCEK : POLICY_VEK_VLEK;
    enum policy_interest interest = POLICY_REFUSES;

    for (size_t i = 0; i < policy->num_workloads; i++) {
        const struct policy_workload *workload = &policy->workloads[i];
        bool sim = workload->tee == TEE_SIM;

        if (!workload->products[product] || sim != (product == PRODUCT_SIM) ||
            workload->machine.vek == other) {
            continue;
        }
        if (!vlek || workload->machine.vek == POLICY_VEK_VLEK) {
            return POLICY_EXPECTS;
        }
        interest = POLICY_ADMITS;
    }
    return interest;
}

bool policy_names_chip(const struct policy *policy, const uint8_t chip[static CLAIMS_CHIP_LEN])
{
    for (size_t i = 0; i < policy->num_workloads; i++) {
        const struct policy_values *chips = &policy->workloads[i].machine.chips;

        for (size_t j = 0; j < chips->num; j++) {
            if (memcmp(chips->data + j * CLAIMS_CHIP_LEN, chip, CLAIMS_CHIP_LEN) == 0) {
                return true;
            }
        }
    }
    return false;
}
