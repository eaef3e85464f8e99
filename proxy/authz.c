/*
 * Authz: a rule against a peer's record.  The order of the predicates is the order of the settings.
 */
#include "proxy/authz.h"

#include <string.h>

#include <openssl/crypto.h>

/* A predicate: NULL if it holds, else what did not, as static text. */
typedef const char *authz_predicate(const struct authz_rule *rule, const struct svid *peer);

static const char *judge_spiffe(const struct authz_rule *rule, const struct svid *peer)
{
    for (size_t i = 0; i < rule->num_spiffe; i++) {
        if (strcmp(rule->spiffe[i], peer->spiffe) == 0) {
            return NULL;
        }
    }
    return "spiffe";
}

static const char *judge_dns(const struct authz_rule *rule, const struct svid *peer)
{
    for (size_t i = 0; i < rule->num_dns; i++) {
        if (svid_has_dns(peer, rule->dns[i])) {
            return NULL;
        }
    }
    return rule->num_dns == 0 ? NULL : "dns";
}

static bool wants_claims(const struct authz_rule *rule)
{
    bool wants = rule->num_tee > 0 || rule->num_measurements > 0 || rule->epoch_min_set;

    for (size_t i = 0; i < EAR_TCB_COMPONENTS; i++) {
        wants = wants || rule->tcb_min_set[i];
    }
    return wants;
}

/* A verifier that only warns has not verified; the simulated platform has nothing to affirm. */
static bool affirmed(const struct ear *claims)
{
    return claims->status == EAR_AFFIRMING ||
           (claims->status == EAR_NONE && strcmp(claims->tee, "sim") == 0);
}

static const char *judge_claims(const struct authz_rule *rule, const struct svid *peer)
{
    if (!wants_claims(rule)) {
        return NULL;
    }
    if (!peer->has_claims) {
        return "no attestation result";
    }
    return affirmed(&peer->claims) ? NULL : "attestation result does not affirm";
}

static const char *judge_tee(const struct authz_rule *rule, const struct svid *peer)
{
    for (size_t i = 0; i < rule->num_tee; i++) {
        if (strcmp(rule->tee[i], peer->claims.tee) == 0) {
            return NULL;
        }
    }
    return rule->num_tee == 0 ? NULL : "tee";
}

static const char *judge_measurement(const struct authz_rule *rule, const struct svid *peer)
{
    for (size_t i = 0; i < rule->num_measurements; i++) {
        const struct authz_measurement *wanted = &rule->measurements[i];

        if (wanted->len == peer->claims.measurement_len &&
            CRYPTO_memcmp(wanted->data, peer->claims.measurement, wanted->len) == 0) {
            return NULL;
        }
    }
    return rule->num_measurements == 0 ? NULL : "measurement";
}

/* Component by component: a TCB is no number. */
static const char *judge_tcb(const struct authz_rule *rule, const struct svid *peer)
{
    for (size_t i = 0; i < EAR_TCB_COMPONENTS; i++) {
        if (rule->tcb_min_set[i] &&
            (!peer->claims.tcb_present[i] || peer->claims.tcb[i] < rule->tcb_min[i])) {
            return "tcb";
        }
    }
    return NULL;
}

static const char *judge_epoch(const struct authz_rule *rule, const struct svid *peer)
{
    return rule->epoch_min_set && peer->claims.epoch < rule->epoch_min ? "epoch" : NULL;
}

static authz_predicate *const predicates[] = {
    judge_spiffe, judge_dns, judge_claims, judge_tee, judge_measurement, judge_tcb, judge_epoch,
};
#define NUM_PREDICATES (sizeof(predicates) / sizeof(predicates[0]))

const struct authz_rule *authz_decide(const struct authz_rule *const *rules, size_t num_rules,
                                      const struct svid *peer, const char **out_reason)
{
    const char *reason = "no rule";
    size_t best = 0;

    for (size_t i = 0; i < num_rules; i++) {
        const char *failed = NULL;
        size_t num_held = 0;

        while (num_held < NUM_PREDICATES &&
               (failed = predicates[num_held](rules[i], peer)) == NULL) {
            num_held++;
        }
        if (failed == NULL) {
            return rules[i];
        }
        if (i == 0 || num_held > best) {
            best = num_held;
            reason = failed;
        }
    }
    *out_reason = reason;
    return NULL;
}
