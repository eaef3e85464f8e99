/*
 * Policy rules: the policy as data, between its reader (policy_file), its name (policy_id) and its
 * evaluation (policy).  Nobody else includes this.
 */
#pragma once

#include "attest/policy.h"
#include "common/ini.h"
#include "common/spiffe.h"

#define POLICY_MEASUREMENTS_MAX 256 /* of one workload */
#define POLICY_DNS_MAX 16           /* of one workload */
#define POLICY_PRODUCTS 4           /* values of enum product */
#define POLICY_MEASUREMENT_LEN 48   /* bytes: SNP and sim */

/* [tcb PRODUCT] */
struct policy_floor {
    unsigned line; /* 0: there is no such section */
    uint8_t min[TCB_COMPONENTS];
    bool set[TCB_COMPONENTS];
};

/* [workload NAME] */
struct policy_workload {
    char name[INI_NAME_MAX + 1];
    unsigned line;
    bool has_tee;
    enum tee tee;
    uint8_t (*measurements)[POLICY_MEASUREMENT_LEN]; /* owned */
    size_t num_measurements;
    bool products[POLICY_PRODUCTS]; /* those whose floors it lists */
    struct policy_guest_rules guest;
    char *spiffe; /* owned; path while reading, then the whole URI */
    char **dns;   /* owned, and each name */
    size_t num_dns;
    unsigned ttl_s; /* 0: as [ca] */
};

struct policy {
    struct policy_ca ca; /* what it points to is below */
    char trust_domain[SPIFFE_TRUST_DOMAIN_MAX + 1];
    char id[POLICY_ID_LEN];
    struct anchor *anchors; /* owned */
    char *insecure_root;    /* owned */
    uint8_t *insecure_der;  /* owned by OpenSSL's allocator */
    uint8_t insecure_spki_sha256[32];
    struct policy_floor floors[POLICY_PRODUCTS];
    struct policy_workload *workloads; /* owned */
    size_t num_workloads;
    size_t cap_workloads;
};
