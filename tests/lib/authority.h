/*
 * Authority: everything that an enrolment needs, in a folder of its own: keys made by init, a
 * store, a policy with simulated workloads, and a simulated machine.
 */
#pragma once

#include <stdint.h>

#include "attest/sim.h"
#include "ca/collateral.h"
#include "ca/enrol.h"
#include "ca/keys.h"
#include "tests/lib/folder.h"

#define AUTHORITY_TRUST_DOMAIN "prod.example"
#define AUTHORITY_NOW_MS ((int64_t)1790000000 * 1000)

/* [ca] with the trust domain and [platform sim] with the tests' vendor come before this text. */
#define AUTHORITY_POLICY                                                                           \
    "[tcb sim]\n"                                                                                  \
    "snp = 1\n"                                                                                    \
    "[workload app]\n"                                                                             \
    "tee = sim\n"                                                                                  \
    "tcb = sim\n"                                                                                  \
    "spiffe = sim/app\n"                                                                           \
    "measurement = "                                                                               \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aa"                                                                                           \
    "aa\n"

struct authority {
    char dir[FOLDER_PATH_CAP];
    struct keys keys;
    struct policy *policy;
    struct collateral_set collateral;
    struct sim *machine; /* measurement aa... */
    EVP_PKEY *machine_key;
    struct enrol_authority enrol;
};

/* The rest of the policy is `policy_text`.  Whatever fails, fails the test. */
void authority_init(struct authority *authority, const char *policy_text);
void authority_deinit(struct authority *authority);

/* Puts another policy in the place of the first; `with_sim` false leaves [platform sim] out. */
void authority_set_policy(struct authority *authority, const char *policy_text, bool with_sim);
