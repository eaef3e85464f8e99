/*
 * Policy_keys_workload: the keys of [workload NAME].
 */
#include <stdlib.h>
#include <string.h>

#include "attest/policy_keys.h"
#include "attest/policy_value.h"
#include "common/err.h"

static int set_tee(struct policy_keys *keys, const char *value, struct err *err)
{
    bool sim = false;

    if (policy_value_choice(value, "snp", "sim", &sim, err) != 0) {
        return -1;
    }
    keys->workload->tee = sim ? TEE_SIM : TEE_SNP;
    keys->workload->has_tee = true;
    return 0;
}

static int add_tcb(struct policy_keys *keys, const char *value, struct err *err)
{
    unsigned product = 0;

    if (policy_value_product(value, &product, err) != 0) {
        return -1;
    }
    keys->workload->products[product] = true;
    return 0;
}

static int set_vmpl(struct policy_keys *keys, const char *value, struct err *err)
{
    uint64_t vmpl = 0;

    if (policy_value_number(value, 0, 3, &vmpl, err) != 0) {
        return -1;
    }
    keys->workload->guest.vmpl = (uint32_t)vmpl;
    return 0;
}

static int set_debug(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "refuse", "allow", &keys->workload->guest.allow_debug, err);
}

static int set_migration(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "refuse", "allow", &keys->workload->guest.allow_migration,
                               err);
}

static int set_spiffe(struct policy_keys *keys, const char *value, struct err *err)
{
    if (!spiffe_path_valid(value, strlen(value))) {
        return err_set(err, ERR_INVALID, "need a path such as snp/payments/api");
    }
    return policy_value_text(&keys->workload->spiffe, value, err);
}

static int add_dns(struct policy_keys *keys, const char *value, struct err *err)
{
    struct policy_workload *workload = keys->workload;

    if (!policy_value_is_dns(value)) {
        return err_set(err, ERR_INVALID, "need a host name of [a-z0-9.-], without wildcard");
    }
    if (workload->num_dns == POLICY_DNS_MAX) {
        return err_set(err, ERR_INVALID, "more than %d names", POLICY_DNS_MAX);
    }
    if (workload->dns == NULL) {
        workload->dns = calloc(POLICY_DNS_MAX, sizeof(*workload->dns));
        if (workload->dns == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
    }
    if (policy_value_text(&workload->dns[workload->num_dns], value, err) != 0) {
        return -1;
    }
    workload->num_dns++;
    return 0;
}

static int set_ttl(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_ttl(value, &keys->workload->ttl_s, err);
}

static int add_reference(struct policy_keys *keys, enum policy_reference which, const char *value,
                         struct err *err)
{
    const struct policy_reference_info *info = policy_reference_info(which);

    return policy_value_add(value, info->len, info->never_zero, &keys->workload->references[which],
                            err);
}

static int add_measurement(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_reference(keys, POLICY_MEASUREMENT, value, err);
}

static int add_id_key(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_reference(keys, POLICY_ID_KEY, value, err);
}

static int add_author_key(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_reference(keys, POLICY_AUTHOR_KEY, value, err);
}

static int add_family_id(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_reference(keys, POLICY_FAMILY_ID, value, err);
}

static int add_image_id(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_reference(keys, POLICY_IMAGE_ID, value, err);
}

static int add_host_data(struct policy_keys *keys, const char *value, struct err *err)
{
    return add_reference(keys, POLICY_HOST_DATA, value, err);
}

static int set_min_guest_svn(struct policy_keys *keys, const char *value, struct err *err)
{
    uint64_t svn = 0;

    if (policy_value_number(value, 0, UINT32_MAX, &svn, err) != 0) {
        return -1;
    }
    keys->workload->min_guest_svn = (uint32_t)svn;
    return 0;
}

static int set_smt(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "allow", "refuse", &keys->workload->guest.refuse_smt, err);
}

static int add_guest_require(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_bit(value, POLICY_WORD_GUEST, POLICY_REQUIRE,
                            &keys->workload->guest.require, err);
}

static int add_guest_forbid(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_bit(value, POLICY_WORD_GUEST, POLICY_FORBID, &keys->workload->guest.forbid,
                            err);
}

static int set_min_abi(struct policy_keys *keys, const char *value, struct err *err)
{
    uint8_t parts[2];

    if (policy_value_version(value, 2, parts, err) != 0) {
        return -1;
    }
    keys->workload->guest.min_abi = (uint16_t)(parts[0] << 8 | parts[1]);
    return 0;
}

static int add_chip(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_add(value, CLAIMS_CHIP_LEN, true, &keys->workload->machine.chips, err);
}

static int set_vek(struct policy_keys *keys, const char *value, struct err *err)
{
    static const char *const words[] = {"any", "vcek", "vlek"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0) {
            keys->workload->machine.vek = (enum policy_vek)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need any, vcek or vlek");
}

static int add_csp(struct policy_keys *keys, const char *value, struct err *err)
{
    struct policy_machine_rules *machine = &keys->workload->machine;

    if (machine->num_csp == POLICY_CSP_MAX) {
        return err_set(err, ERR_INVALID, "more than %d providers", POLICY_CSP_MAX);
    }
    if (machine->csp == NULL) {
        machine->csp = calloc(POLICY_CSP_MAX, sizeof(*machine->csp));
        if (machine->csp == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
    }
    if (policy_value_text(&machine->csp[machine->num_csp], value, err) != 0) {
        return -1;
    }
    machine->num_csp++;
    return 0;
}

static int set_masked_chip(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_choice(value, "refuse", "allow", &keys->workload->machine.allow_masked_chip,
                               err);
}

static int add_platform_require(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_bit(value, POLICY_WORD_PLATFORM, POLICY_REQUIRE,
                            &keys->workload->machine.require, err);
}

static int add_platform_forbid(struct policy_keys *keys, const char *value, struct err *err)
{
    return policy_value_bit(value, POLICY_WORD_PLATFORM, POLICY_FORBID,
                            &keys->workload->machine.forbid, err);
}

static int set_platform_accept(struct policy_keys *keys, const char *value, struct err *err)
{
    uint64_t mask = 0;

    if (policy_value_mask(value, &mask, err) != 0) {
        return -1;
    }
    if ((mask & POLICY_PLATFORM_KNOWN) != 0) {
        return err_set(err, ERR_INVALID, "bits 7 to 0 have names: see platform_forbid");
    }
    keys->workload->machine.accept = mask;
    return 0;
}

// clang-format off
const struct policy_key policy_keys_workload[] = {
    {"tee",                  false, set_tee},
    {"measurement",          true,  add_measurement},
    {"id_key_digest",        true,  add_id_key},
    {"author_key_digest",    true,  add_author_key},
    {"family_id",            true,  add_family_id},
    {"image_id",             true,  add_image_id},
    {"host_data",            true,  add_host_data},
    {"min_guest_svn",        false, set_min_guest_svn},
    {"tcb",                  true,  add_tcb},
    {"vmpl",                 false, set_vmpl},
    {"debug",                false, set_debug},
    {"migration",            false, set_migration},
    {"smt",                  false, set_smt},
    {"guest_require",        true,  add_guest_require},
    {"guest_forbid",         true,  add_guest_forbid},
    {"min_abi",              false, set_min_abi},
    {"chip",                 true,  add_chip},
    {"vek",                  false, set_vek},
    {"csp",                  true,  add_csp},
    {"masked_chip",          false, set_masked_chip},
    {"platform_require",     true,  add_platform_require},
    {"platform_forbid",      true,  add_platform_forbid},
    {"platform_accept_bits", false, set_platform_accept},
    {"spiffe",               false, set_spiffe},
    {"dns",                  true,  add_dns},
    {"ttl",                  false, set_ttl},
};
// clang-format on
const size_t policy_keys_workload_len =
    sizeof(policy_keys_workload) / sizeof(policy_keys_workload[0]);
