/*
 * Policy rules: the policy as data, between its reader (policy_file), its name (policy_id) and its
 * evaluation (policy).  Nobody else includes this.
 */
#pragma once

#include "attest/policy.h"
#include "common/ini.h"
#include "common/spiffe.h"

#define POLICY_TTL_MIN 300 /* seconds */
#define POLICY_TTL_SHORT_MIN 2
#define POLICY_TTL_MAX 86400
#define POLICY_VALUES_MAX 256 /* of one list */
#define POLICY_DNS_MAX 16     /* of one workload */
#define POLICY_CSP_MAX 16     /* of one workload */
#define POLICY_MEASUREMENT_LEN 48

/* Values of one length, one behind the other. */
struct policy_values {
    uint8_t *data; /* owned */
    size_t num;
};

/* What a workload may list as reference values. */
enum policy_reference {
    POLICY_MEASUREMENT,
    POLICY_ID_KEY,
    POLICY_AUTHOR_KEY,
    POLICY_FAMILY_ID,
    POLICY_IMAGE_ID,
    POLICY_HOST_DATA,
    POLICY_REFERENCES,
};

struct policy_reference_info {
    const char *key; /* in a policy */
    size_t len;      /* bytes */
    bool never_zero; /* zero stands for "none", and would match whoever has none */
};

const struct policy_reference_info *policy_reference_info(enum policy_reference reference);

/* What [deny] may list. */
enum policy_denied { POLICY_DENY_CHIP, POLICY_DENY_MEASUREMENT, POLICY_DENY_VEK, POLICY_DENIED };

/* Bytes of each of its values. */
size_t policy_denied_len(enum policy_denied denied);

/* [tcb PRODUCT] */
struct policy_floor {
    unsigned line; /* 0: there is no such section */
    uint8_t min[TCB_COMPONENTS];
    bool set[TCB_COMPONENTS];
    struct firmware firmware; /* zero: none */
    bool refuse_provisional;
    bool strict_order;
    uint64_t min_launch_mit;
    uint64_t min_current_mit;
};

enum policy_vek { POLICY_VEK_ANY, POLICY_VEK_VCEK, POLICY_VEK_VLEK };

/* What a workload asks of the machine (rows 74 to 78); all zero: the defaults. */
struct policy_machine_rules {
    struct policy_values chips; /* none: any */
    enum policy_vek vek;
    char **csp; /* owned, and each name; none: any */
    size_t num_csp;
    bool allow_masked_chip;
    uint64_t require; /* bits of PLATFORM_INFO */
    uint64_t forbid;
    uint64_t accept; /* beyond those that have a meaning */
};

/* [workload NAME] */
struct policy_workload {
    char name[INI_NAME_MAX + 1];
    unsigned line;
    bool has_tee;
    enum tee tee;
    struct policy_values references[POLICY_REFERENCES];
    uint32_t min_guest_svn;
    bool products[PRODUCTS]; /* those whose floors it lists */
    struct policy_guest_rules guest;
    struct policy_machine_rules machine;
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
    struct policy_values denied[POLICY_DENIED];
    struct policy_floor floors[PRODUCTS];
    struct policy_workload *workloads; /* owned */
    size_t num_workloads;
    size_t cap_workloads;
};
