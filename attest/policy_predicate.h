/*
 * Policy_predicate: one row of groups F (deny) to J of the evidence table, judged for one workload.
 *
 * Between the evaluation (policy) and the files that hold the rows.  Nobody else includes this.
 */
#pragma once

#include <stddef.h>

#include "attest/claims.h"
#include "attest/policy_bits.h"
#include "attest/policy_rules.h"
#include "common/verdict.h"

struct policy_case {
    const struct policy *policy; /* NULL: none, only guest and machine are judged */
    const struct policy_workload *workload;
    const struct claims *claims;
    struct verdict found; /* judges put expected and actual values here */
};

/* The slug of a refusal; NULL: the row holds; policy_skipped: the workload does not ask. */
typedef const char *policy_judge(struct policy_case *c);

extern const char policy_skipped[];

struct policy_predicate {
    int row;
    enum verdict_code code;
    const char *check;
    policy_judge *judge;
};

extern const struct policy_predicate policy_guest_rows[]; /* G: 69 to 73 */
extern const size_t policy_guest_rows_len;
extern const struct policy_predicate policy_machine_rows[]; /* H: 74 to 78 */
extern const size_t policy_machine_rows_len;
extern const struct policy_predicate policy_tcb_rows[]; /* I: 79 to 86 */
extern const size_t policy_tcb_rows_len;
extern const struct policy_predicate policy_reference_rows[]; /* J: 87 to 90 */
extern const size_t policy_reference_rows_len;

/* The answer of a row about bits of POLICY or PLATFORM_INFO. */
const char *policy_judge_bits(struct policy_case *c, enum policy_word word, enum policy_wish wish,
                              uint64_t mask);

/* True if one of `values`, each `len` bytes long, is `data`. */
bool policy_lists(const struct policy_values *values, const uint8_t *data, size_t len);
