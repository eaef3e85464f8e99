/*
 * Policy keys: the table of sections and keys that a policy file may hold, and what each may say.
 *
 * Judges one line at a time; what needs the whole file is policy_file.
 */
#pragma once

#include "attest/policy_rules.h"

struct policy_keys;

/* A key of one kind of section. */
struct policy_key {
    const char *key;
    bool list;
    int (*set)(struct policy_keys *keys, const char *value, struct err *err);
};

extern const struct policy_key policy_keys_workload[];
extern const size_t policy_keys_workload_len;

/* The state of one reading. */
struct policy_keys {
    struct policy *policy;            /* borrowed; filled */
    struct policy_workload *workload; /* the section being read, or NULL */
    struct policy_floor *floor;       /* likewise */
    unsigned ca_line;                 /* 0: no [ca] yet */
    unsigned platform_line;           /* likewise [platform sim] */
    const struct policy_key *table;   /* of the section being read */
    size_t table_len;
    uint64_t seen; /* keys already set in this section, by their place in `table` */
};

/* ini_on_section and ini_on_key; `user` is a struct policy_keys. */
int policy_keys_section(void *user, const char *kind, const char *name, unsigned line,
                        struct err *err);
int policy_keys_set(void *user, const struct ini_key *key, struct err *err);
