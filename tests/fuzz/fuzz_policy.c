/*
 * Fuzz: the CA's policy.  One that is taken has the name that its text gives, and grants only what
 * it says itself, whatever the claims are.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "attest/policy.h"
#include "common/err.h"
#include "tests/fuzz/fuzz.h"

#define TRACES 8
#define TTL_MAX 86400 /* seconds */

/* What a generous policy for Genoa may take, then a provider's key, then the simulated platform. */
static struct claims make_claims(unsigned which)
{
    struct claims claims = {
        .tee = which == 2 ? TEE_SIM : TEE_SNP,
        .product = which == 2 ? PRODUCT_SIM : PRODUCT_GENOA,
        .measurement_len = 48,
        .host_data_len = 32,
        .guest_policy = 0x3d20133,
        .platform_info = 0x7c,
        .guest_svn = 5,
        .current_firmware = {1, 55, 40},
        .committed_firmware = {1, 55, 40},
        .mitigations_known = true,
        .launch_mitigations = UINT64_MAX,
        .current_mitigations = UINT64_MAX,
        .author_key_enabled = true,
        .chip_known = which != 1,
        .vlek = which == 1,
        .csp = "CN=cc-a.example",
    };

    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        claims.reported.value[i] = 200;
        claims.reported.present[i] = i != TCB_FMC;
    }
    claims.current = claims.committed = claims.launch = claims.reported;
    memset(claims.measurement, 0xaa, 48);
    memset(claims.id_key_digest, 0xbb, sizeof(claims.id_key_digest));
    memset(claims.author_key_digest, 0xcc, sizeof(claims.author_key_digest));
    memset(claims.family_id, 0xdd, sizeof(claims.family_id));
    memset(claims.image_id, 0xee, sizeof(claims.image_id));
    memset(claims.host_data, 0xff, 32);
    memset(claims.chip, 0x11, sizeof(claims.chip));
    memset(claims.vek_chip, 0x11, sizeof(claims.vek_chip));
    return claims;
}

static void judge(const struct policy *policy, const struct claims *claims)
{
    static struct verify_rows rows;
    struct policy_trace items[TRACES];
    struct policy_traces traces = {.items = items, .cap = TRACES};
    struct policy_grant grant = {0};
    struct verdict verdict = {0};
    bool granted = policy_evaluate(policy, claims, NULL, &grant, &verdict, &traces);

    assert(traces.num <= TRACES);
    if (!granted) {
        assert(verdict.code != VERDICT_ACCEPTED && verdict.slug != NULL);
        return;
    }
    assert(strncmp(grant.spiffe, "spiffe://", 9) == 0 && grant.ttl_s <= TTL_MAX);
    rows.num_results = 0;
    granted = policy_explain(policy, grant.workload, claims, &rows);
    assert(granted);
    for (size_t i = 0; i < rows.num_results; i++) {
        assert(rows.results[i].state != ROW_FAILED);
    }
    granted = policy_evaluate(policy, claims, grant.spiffe, &grant, &verdict, NULL);
    assert(granted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct err err = {0};
    struct policy *policy = policy_parse("fuzz", (const char *)data, len, &err);
    struct policy *again = NULL;

    if (policy == NULL) {
        assert(err.code != 0 && err.msg[0] != '\0');
        return 0;
    }
    again = policy_parse("fuzz", (const char *)data, len, &err);
    assert(again != NULL && strcmp(policy_ca(policy)->id, policy_ca(again)->id) == 0);
    policy_free(again);
    for (unsigned which = 0; which < 3; which++) {
        const struct claims claims = make_claims(which);

        judge(policy, &claims);
    }
    policy_free(policy);
    return 0;
}
