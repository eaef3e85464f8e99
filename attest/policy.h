/*
 * Policy: the appraisal policy (INI) that says which claims get which identity.  Default deny.
 *
 * Immutable once loaded, and pure: claims in, one matching workload or a verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/claims.h"
#include "attest/verify.h"
#include "common/verdict.h"

struct err;
struct policy; /* opaque, immutable */

#define POLICY_ID_LEN 64 /* "ni:///sha-256;" and 43 characters, with the NUL */

/* Reads and checks a policy file.  NULL: ERR_INVALID with "FILE:LINE: [section] key: why", or
   ERR_IO.  Every problem is an error; nothing is half-applied.  It takes at most 4 MiB. */
struct policy *policy_load(const char *path, struct err *err);

/* As policy_load(), from memory; `name` stands for the file name in messages.  A relative
   insecure_root is looked up beside `name`. */
struct policy *policy_parse(const char *name, const char *text, size_t len, struct err *err);
void policy_free(struct policy *policy);

struct policy_ca {
    const char *trust_domain;
    uint64_t epoch;
    unsigned ttl_s;
    bool short_ttl; /* insecure_short_ttl is set: ttl may be as low as 2 s */
    enum vendor_crl vendor_crl;
    const char *id;               /* RFC 6920 name of the effective policy */
    const struct anchor *anchors; /* vendor anchors, and the simulated root if there is one */
    size_t num_anchors;
    const char *insecure_root;                /* path of the simulated root; NULL: none */
    const uint8_t *insecure_root_spki_sha256; /* 32 bytes; NULL: none */
    struct bytes insecure_root_der;           /* the simulated ARK, for the collateral */
};

const struct policy_ca *policy_ca(const struct policy *policy);

/* Whether evidence of a product, signed by a chip's key or (`vlek`) a provider's, could match some
   workload: never, or if it turns up, or it is what workloads are for. */
enum policy_interest { POLICY_REFUSES, POLICY_ADMITS, POLICY_EXPECTS };

enum policy_interest policy_interest(const struct policy *policy, enum product product, bool vlek);

/* True if some workload lists the chip. */
bool policy_names_chip(const struct policy *policy, const uint8_t chip[static CLAIMS_CHIP_LEN]);

/* What the matching workload grants; borrowed from the policy. */
struct policy_grant {
    const char *workload;
    const char *spiffe; /* the whole URI: spiffe://td/tee/path */
    const char *const *dns;
    size_t num_dns;
    unsigned ttl_s;
};

/* One predicate of one workload, for `policy test` and the audit log. */
struct policy_trace {
    const char *workload;
    bool matches;
    struct verdict first_failure; /* filled if not */
};

struct policy_traces {
    struct policy_trace *items; /* room for `cap`; the caller's */
    size_t cap;
    size_t num;
};

#define POLICY_WORKLOADS_MAX 4096

/* Finds the workload for `claims`; `uri` is the CSR's URI SAN, or NULL.  True: exactly one matches,
   or `uri` selects one of those that match.  False: refused (codes as in enrollment.md section 8).
   `traces` (may be NULL) receives one entry per workload of this tee, as far as there is room. */
MUST_CHECK bool policy_evaluate(const struct policy *policy, const struct claims *claims,
                                const char *uri, struct policy_grant *out_grant,
                                struct verdict *out_verdict, struct policy_traces *traces);

/* What a workload asks of the guest's own policy (rows 69 to 73); all zero: the defaults. */
struct policy_guest_rules {
    bool allow_debug;
    bool allow_migration;
    bool refuse_smt;
    uint32_t vmpl;
    uint64_t require; /* bits of POLICY */
    uint64_t forbid;
    uint16_t min_abi; /* major in the high byte, minor in the low one */
};

/* Rows 69 to 78 for a tool without a policy file: these rules, and the defaults for the machine.
   With `rows` (may be NULL) each is reported, appended to those that are there; the verdict is the
   same. */
MUST_CHECK bool policy_check_defaults(const struct claims *claims,
                                      const struct policy_guest_rules *rules,
                                      struct verdict *out_verdict, struct verify_rows *rows_out);

/* Rows 69 to 90 for the named workload, appended to `rows`.  False: there is no such workload. */
MUST_CHECK bool policy_explain(const struct policy *policy, const char *workload,
                               const struct claims *claims, struct verify_rows *rows);

/* Rows 67 and 68: false if [deny] names the chip, the VEK or the measurement; it comes before any
   workload.  With `rows` (may be NULL) both are reported, appended to those that are there. */
MUST_CHECK bool policy_check_deny(const struct policy *policy, const struct claims *claims,
                                  struct verdict *out_verdict, struct verify_rows *rows);

/* Row 91: the instance that a caller expects; NULL: any. */
struct policy_instance {
    const uint8_t *report_id;    /* CLAIMS_REPORT_ID_LEN bytes, as is the next */
    const uint8_t *report_id_ma; /* of the migration agent */
};

MUST_CHECK bool policy_check_instance(const struct claims *claims,
                                      const struct policy_instance *instance,
                                      struct verdict *out_verdict);
