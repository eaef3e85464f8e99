/*
 * Authz: which verified peers are welcome.  A pure decision: a verified leaf's record and rules in,
 * a rule or nothing out.  Default deny.
 *
 * All keys of a rule must hold (AND); repeats of a key and several rules are alternatives (OR).
 * Matches are exact; a rule with a claim key never matches a leaf without verified claims, or whose
 * attestation result does not affirm them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/svid.h"

struct authz_measurement {
    uint8_t data[64];
    size_t len;
};

/* One [peer NAME].  Borrowed by everything here; belongs to the generation. */
struct authz_rule {
    const char *name;
    const char *const *spiffe;
    size_t num_spiffe; /* at least 1 */
    const char *const *dns;
    size_t num_dns; /* 0: any, or none */
    const char *const *tee;
    size_t num_tee; /* 0: any */
    const struct authz_measurement *measurements;
    size_t num_measurements; /* 0: any */
    uint8_t tcb_min[EAR_TCB_COMPONENTS];
    bool tcb_min_set[EAR_TCB_COMPONENTS];
    uint64_t epoch_min;
    bool epoch_min_set;
};

/* The first of `rules` that `peer` satisfies; NULL: denied, and `out_reason` (static text) names
   the key that failed on the rule that came closest. */
const struct authz_rule *authz_decide(const struct authz_rule *const *rules, size_t num_rules,
                                      const struct svid *peer, const char **out_reason);
