/*
 * Policy keys: the table of sections and keys that a policy file may hold, and what each may say.
 *
 * Judges one line at a time; what needs the whole file is policy_file.
 */
#pragma once

#include "attest/policy_rules.h"

#define POLICY_TTL_MIN 300 /* seconds */
#define POLICY_TTL_SHORT_MIN 2
#define POLICY_TTL_MAX 86400

/* The state of one reading. */
struct policy_keys {
    struct policy *policy;            /* borrowed; filled */
    struct policy_workload *workload; /* the section being read, or NULL */
    struct policy_floor *floor;       /* likewise */
    unsigned ca_line;                 /* 0: no [ca] yet */
    unsigned platform_line;           /* likewise [platform sim] */
    uint32_t seen;                    /* scalars already set in this section */
};

/* ini_on_section and ini_on_key; `user` is a struct policy_keys. */
int policy_keys_section(void *user, const char *kind, const char *name, unsigned line,
                        struct err *err);
int policy_keys_set(void *user, const struct ini_key *key, struct err *err);
