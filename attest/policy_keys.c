/*
 * Policy keys: one row of a table per key; a setter judges a value and stores it.
 */
#include "attest/policy_keys.h"

#include <stdlib.h>
#include <string.h>

#include "attest/policy_value.h"
#include "common/err.h"

#define EPOCH_MAX 999999999999999999U

static int set_trust_domain(struct policy_keys *keys, const char *value, struct err *err)
{
    size_t len = strlen(value);

    if (!spiffe_trust_domain_valid(value, len)) {
        return err_set(err, ERR_INVALID, "need a trust domain of [a-z0-9._-]");
    }
    memcpy(keys->policy->trust_domain, value, len + 1);
    return 0;
}

static int set_epoch(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_number(value, 0, EPOCH_MAX, &keys->policy->ca.epoch, err);
}

static int set_ca_ttl(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_ttl(value, &keys->policy->ca.ttl_s, err);
}

static int set_short_ttl(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "no", "yes", &keys->policy->ca.short_ttl, err);
}

static int set_vendor_crl(struct policy_keys *keys, const char *value, struct err *err)
{
    bool use = false;

    if (policy_value_choice(value, "require", "use", &use, err) != 0) {
        return -1;
    }
    keys->policy->ca.vendor_crl = use ? VENDOR_CRL_USE : VENDOR_CRL_REQUIRE;
    return 0;
}

static int set_insecure_root(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_text(&keys->policy->insecure_root, value, err);
}

static int add_denied(struct policy_keys *keys, enum policy_denied which, const char *value,
                      struct err *err)
{
    return policy_value_add(value, policy_denied_len(which), true, &keys->policy->denied[which],
                            err);
}

static int add_denied_chip(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_denied(keys, POLICY_DENY_CHIP, value, err);
}

static int add_denied_measurement(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_denied(keys, POLICY_DENY_MEASUREMENT, value, err);
}

static int add_denied_vek(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_denied(keys, POLICY_DENY_VEK, value, err);
}

static int set_component(struct policy_keys *keys, enum tcb_component component, const char *value,
                         struct err *err)
{
    const char *product = product_name((enum product)(keys->floor - keys->policy->floors));
    bool fmc_fits = strcmp(product, "turin") == 0 || strcmp(product, "sim") == 0;
    uint64_t level = 0;

    if (component == TCB_FMC && !fmc_fits) {
        return err_set(err, ERR_INVALID, "%s has no such component", product);
    }
    if (policy_value_number(value, 0, UINT8_MAX, &level, err) != 0) {
        return -1;
    }
    keys->floor->min[component] = (uint8_t)level;
    keys->floor->set[component] = true;
    return 0;
}

static int set_bootloader(struct policy_keys *keys, const char *value, struct err *err)
{
    return set_component(keys, TCB_BOOTLOADER, value, err);
}

static int set_secure_os(struct policy_keys *keys, const char *value, struct err *err)
{
    return set_component(keys, TCB_TEE, value, err);
}

static int set_snp(struct policy_keys *keys, const char *value, struct err *err)
{
    return set_component(keys, TCB_SNP, value, err);
}

static int set_microcode(struct policy_keys *keys, const char *value, struct err *err)
{
    return set_component(keys, TCB_MICROCODE, value, err);
}

static int set_fmc(struct policy_keys *keys, const char *value, struct err *err)
{
    return set_component(keys, TCB_FMC, value, err);
}

static int set_firmware(struct policy_keys *keys, const char *value, struct err *err)
{
    uint8_t parts[3];

    if (policy_value_version(value, 3, parts, err) != 0) {
        return -1;
    }
    keys->floor->firmware = (struct firmware){parts[0], parts[1], parts[2]};
    return 0;
}

static int set_provisional(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "allow", "refuse", &keys->floor->refuse_provisional, err);
}

static int set_tcb_order(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "loose", "strict", &keys->floor->strict_order, err);
}

static int set_min_launch_mit(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_mask(value, &keys->floor->min_launch_mit, err);
}

static int set_min_current_mit(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_mask(value, &keys->floor->min_current_mit, err);
}

// clang-format off
static const struct policy_key ca_keys[] = {
    {"trust_domain",       false, set_trust_domain},
    {"epoch",              false, set_epoch},
    {"ttl",                false, set_ca_ttl},
    {"insecure_short_ttl", false, set_short_ttl},
    {"vendor_crl",         false, set_vendor_crl},
};

static const struct policy_key platform_keys[] = {
    {"insecure_root", false, set_insecure_root},
};

static const struct policy_key deny_keys[] = {
    {"chip",        true, add_denied_chip},
    {"measurement", true, add_denied_measurement},
    {"vek",         true, add_denied_vek},
};

static const struct policy_key tcb_keys[] = {
    {"bootloader",      false, set_bootloader},
    {"tee",             false, set_secure_os},
    {"snp",             false, set_snp},
    {"microcode",       false, set_microcode},
    {"fmc",             false, set_fmc},
    {"firmware",        false, set_firmware},
    {"provisional",     false, set_provisional},
    {"tcb_order",       false, set_tcb_order},
    {"min_launch_mit",  false, set_min_launch_mit},
    {"min_current_mit", false, set_min_current_mit},
};
// clang-format on

#define LEN(table) (sizeof(table) / sizeof((table)[0]))

static int begin_workload(struct policy_keys *keys, const char *name, unsigned line,
                          struct err *err)
{
    struct policy *policy = keys->policy;

    if (policy->num_workloads == POLICY_WORKLOADS_MAX) {
        return err_set(err, ERR_INVALID, "more than %d workloads", POLICY_WORKLOADS_MAX);
    }
    if (policy->num_workloads == policy->cap_workloads) {
        size_t cap = policy->cap_workloads == 0 ? 16 : policy->cap_workloads * 2;
        struct policy_workload *all = realloc(policy->workloads, cap * sizeof(*all));

        if (all == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        policy->workloads = all;
        policy->cap_workloads = cap;
    }
    keys->workload = &policy->workloads[policy->num_workloads++];
    *keys->workload = (struct policy_workload){.line = line};
    memcpy(keys->workload->name, name, strnlen(name, INI_NAME_MAX));
    return 0;
}

int policy_keys_section(void *user, const char *kind, const char *name, unsigned line,
                        struct err *err)
{
    struct policy_keys *keys = user;
    unsigned product = 0;

    *keys = (struct policy_keys){
        .policy = keys->policy, .ca_line = keys->ca_line, .platform_line = keys->platform_line};
    if (strcmp(kind, "ca") == 0 && name[0] == '\0') {
        keys->ca_line = line;
        keys->table = ca_keys;
        keys->table_len = LEN(ca_keys);
    } else if (strcmp(kind, "platform") == 0 && strcmp(name, "sim") == 0) {
        keys->platform_line = line;
        keys->table = platform_keys;
        keys->table_len = LEN(platform_keys);
    } else if (strcmp(kind, "deny") == 0 && name[0] == '\0') {
        keys->table = deny_keys;
        keys->table_len = LEN(deny_keys);
    } else if (strcmp(kind, "workload") == 0 && name[0] != '\0') {
        keys->table = policy_keys_workload;
        keys->table_len = policy_keys_workload_len;
        return begin_workload(keys, name, line, err);
    } else if (strcmp(kind, "tcb") == 0) {
        if (policy_value_product(name, &product, err) != 0) {
            return -1;
        }
        keys->floor = &keys->policy->floors[product];
        keys->floor->line = line;
        keys->table = tcb_keys;
        keys->table_len = LEN(tcb_keys);
    } else {
        return err_set(err, ERR_INVALID, "no such section");
    }
    return 0;
}

int policy_keys_set(void *user, const struct ini_key *key, struct err *err)
{
    struct policy_keys *keys = user;

    for (size_t i = 0; i < keys->table_len; i++) {
        const struct policy_key *row = &keys->table[i];

        if (strcmp(key->key, row->key) != 0) {
            continue;
        }
        if (!row->list && (keys->seen & UINT64_C(1) << i) != 0) {
            return err_set(err, ERR_INVALID, "set twice");
        }
        if (row->set(keys, key->value, err) != 0) {
            return -1;
        }
        keys->seen |= UINT64_C(1) << i;
        return 0;
    }
    return err_set(err, ERR_INVALID, "no such key");
}
