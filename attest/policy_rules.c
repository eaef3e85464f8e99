/*
 * Policy rules: the lists of values that a policy may hold.
 */
#include "attest/policy_rules.h"

const struct policy_reference_info *policy_reference_info(enum policy_reference reference)
{
    static const struct policy_reference_info infos[POLICY_REFERENCES] = {
        [POLICY_MEASUREMENT] = {"measurement", POLICY_MEASUREMENT_LEN, true},
        [POLICY_ID_KEY] = {"id_key_digest", CLAIMS_KEY_DIGEST_LEN, true},
        [POLICY_AUTHOR_KEY] = {"author_key_digest", CLAIMS_KEY_DIGEST_LEN, true},
        [POLICY_FAMILY_ID] = {"family_id", CLAIMS_LAUNCH_ID_LEN, true},
        [POLICY_IMAGE_ID] = {"image_id", CLAIMS_LAUNCH_ID_LEN, true},
        [POLICY_HOST_DATA] = {"host_data", 32, false},
    };

    return &infos[reference];
}

size_t policy_denied_len(enum policy_denied denied)
{
    static const size_t lens[POLICY_DENIED] = {
        [POLICY_DENY_CHIP] = CLAIMS_CHIP_LEN,
        [POLICY_DENY_MEASUREMENT] = POLICY_MEASUREMENT_LEN,
        [POLICY_DENY_VEK] = 32,
    };

    return lens[denied];
}
