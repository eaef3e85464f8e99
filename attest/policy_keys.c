/*
 * Policy keys: one row of a table per key; a setter judges a value and stores it.
 */
#include "attest/policy_keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "common/err.h"

#define NUMBER_DIGITS_MAX 18 /* cannot overflow 64 bits */
#define EPOCH_MAX 999999999999999999U

/* Decimal digits without leading zero, as everywhere in our files. */
static int parse_number(const char *value, uint64_t min, uint64_t max, uint64_t *out_number,
                        struct err *err)
{
    uint64_t number = 0;
    size_t len = strspn(value, "0123456789");

    if (len > 0 && len <= NUMBER_DIGITS_MAX && value[len] == '\0' &&
        (value[0] != '0' || len == 1)) {
        for (size_t i = 0; i < len; i++) {
            number = number * 10 + (uint64_t)(value[i] - '0');
        }
        if (number >= min && number <= max) {
            *out_number = number;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a number from %llu to %llu", (unsigned long long)min,
                   (unsigned long long)max);
}

/* Seconds, or a number with s, min, h or d. */
static int parse_ttl(const char *value, unsigned *out_ttl_s, struct err *err)
{
    static const struct {
        const char *unit;
        unsigned seconds;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    char digits[8];
    size_t len = strspn(value, "0123456789");
    uint64_t number = 0;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (len == 0 || len >= sizeof(digits) || strcmp(value + len, units[i].unit) != 0) {
            continue;
        }
        memcpy(digits, value, len);
        digits[len] = '\0';
        if (parse_number(digits, 1, POLICY_TTL_MAX, &number, err) == 0 &&
            number * units[i].seconds <= POLICY_TTL_MAX) {
            *out_ttl_s = (unsigned)number * units[i].seconds;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a duration of at most 24 h, such as 3600 or 60min");
}

static int parse_choice(const char *value, const char *no, const char *yes, bool *out_yes,
                        struct err *err)
{
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0) {
        return err_set(err, ERR_INVALID, "need %s or %s", no, yes);
    }
    *out_yes = strcmp(value, yes) == 0;
    return 0;
}

static int set_text(char **field, const char *value, struct err *err)
{
    *field = strdup(value);
    return *field != NULL ? 0 : err_set(err, ERR_LIMIT, "out of memory");
}

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
    return parse_number(value, 0, EPOCH_MAX, &keys->policy->ca.epoch, err);
}

static int set_ca_ttl(struct policy_keys *keys, const char *value, struct err *err)
{
    return parse_ttl(value, &keys->policy->ca.ttl_s, err);
}

static int set_short_ttl(struct policy_keys *keys, const char *value, struct err *err)
{
    return parse_choice(value, "no", "yes", &keys->policy->ca.short_ttl, err);
}

static int set_vendor_crl(struct policy_keys *keys, const char *value, struct err *err)
{
    bool use = false;

    if (parse_choice(value, "require", "use", &use, err) != 0) {
        return -1;
    }
    keys->policy->ca.vendor_crl = use ? VENDOR_CRL_USE : VENDOR_CRL_REQUIRE;
    return 0;
}

static int set_insecure_root(struct policy_keys *keys, const char *value, struct err *err)
{
    return set_text(&keys->policy->insecure_root, value, err);
}

static int set_tee(struct policy_keys *keys, const char *value, struct err *err)
{
    bool sim = false;

    if (parse_choice(value, "snp", "sim", &sim, err) != 0) {
        return -1;
    }
    keys->workload->tee = sim ? TEE_SIM : TEE_SNP;
    keys->workload->has_tee = true;
    return 0;
}

static int add_measurement(struct policy_keys *keys, const char *value, struct err *err)
{
    struct policy_workload *workload = keys->workload;
    uint8_t measurement[POLICY_MEASUREMENT_LEN];
    uint8_t(*all)[POLICY_MEASUREMENT_LEN] = NULL;
    size_t len = 0;

    /* Only hex digits: OPENSSL_hexstr2buf would take separators too. */
    if (strlen(value) != 2 * sizeof(measurement) ||
        strspn(value, "0123456789abcdefABCDEF") != 2 * sizeof(measurement) ||
        OPENSSL_hexstr2buf_ex(measurement, sizeof(measurement), &len, value, '\0') != 1) {
        return err_set(err, ERR_INVALID, "need %zu hex digits", 2 * sizeof(measurement));
    }
    if (workload->num_measurements == POLICY_MEASUREMENTS_MAX) {
        return err_set(err, ERR_INVALID, "more than %d measurements", POLICY_MEASUREMENTS_MAX);
    }
    all = realloc(workload->measurements, (workload->num_measurements + 1) * sizeof(*all));
    if (all == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    workload->measurements = all;
    memcpy(all[workload->num_measurements++], measurement, sizeof(measurement));
    return 0;
}

static int find_product(const char *name, unsigned *out_product, struct err *err)
{
    for (unsigned i = 0; i < POLICY_PRODUCTS; i++) {
        if (strcmp(name, product_name((enum product)i)) == 0) {
            *out_product = i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a product: milan, genoa, turin or sim");
}

static int add_tcb(struct policy_keys *keys, const char *value, struct err *err)
{
    unsigned product = 0;

    if (find_product(value, &product, err) != 0) {
        return -1;
    }
    keys->workload->products[product] = true;
    return 0;
}

static int set_vmpl(struct policy_keys *keys, const char *value, struct err *err)
{
    uint64_t vmpl = 0;

    if (parse_number(value, 0, 3, &vmpl, err) != 0) {
        return -1;
    }
    keys->workload->guest.vmpl = (uint32_t)vmpl;
    return 0;
}

static int set_debug(struct policy_keys *keys, const char *value, struct err *err)
{
    return parse_choice(value, "refuse", "allow", &keys->workload->guest.allow_debug, err);
}

static int set_migration(struct policy_keys *keys, const char *value, struct err *err)
{
    return parse_choice(value, "refuse", "allow", &keys->workload->guest.allow_migration, err);
}

static int set_spiffe(struct policy_keys *keys, const char *value, struct err *err)
{
    if (!spiffe_path_valid(value, strlen(value))) {
        return err_set(err, ERR_INVALID, "need a path such as snp/payments/api");
    }
    return set_text(&keys->workload->spiffe, value, err);
}

/* LDH names (RFC 1123), lower case, no wildcard and no trailing dot; the last label is no number:
   what looks like an address would be certified as one. */
static bool dns_valid(const char *name)
{
    const char *last = strrchr(name, '.') != NULL ? strrchr(name, '.') + 1 : name;
    size_t label = 0;

    for (size_t i = 0; name[i] != '\0'; i++) {
        bool alnum = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');
        bool inner = label > 0 && name[i + 1] != '.' && name[i + 1] != '\0';

        if (name[i] == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
            continue;
        }
        if ((!alnum && !(name[i] == '-' && inner)) || ++label > 63) {
            return false;
        }
    }
    return label > 0 && strlen(name) <= 253 && strspn(last, "0123456789") != label;
}

static int add_dns(struct policy_keys *keys, const char *value, struct err *err)
{
    struct policy_workload *workload = keys->workload;

    if (!dns_valid(value)) {
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
    if (set_text(&workload->dns[workload->num_dns], value, err) != 0) {
        return -1;
    }
    workload->num_dns++;
    return 0;
}

static int set_ttl(struct policy_keys *keys, const char *value, struct err *err)
{
    return parse_ttl(value, &keys->workload->ttl_s, err);
}

/* clang-format off */
static const struct {
    const char *kind;
    const char *key;
    bool list;
    int (*set)(struct policy_keys *keys, const char *value, struct err *err);
} table[] = {
    {"ca",       "trust_domain",       false, set_trust_domain},
    {"ca",       "epoch",              false, set_epoch},
    {"ca",       "ttl",                false, set_ca_ttl},
    {"ca",       "insecure_short_ttl", false, set_short_ttl},
    {"ca",       "vendor_crl",         false, set_vendor_crl},
    {"platform", "insecure_root",      false, set_insecure_root},
    {"workload", "tee",                false, set_tee},
    {"workload", "measurement",        true,  add_measurement},
    {"workload", "tcb",                true,  add_tcb},
    {"workload", "vmpl",               false, set_vmpl},
    {"workload", "debug",              false, set_debug},
    {"workload", "migration",          false, set_migration},
    {"workload", "spiffe",             false, set_spiffe},
    {"workload", "dns",                true,  add_dns},
    {"workload", "ttl",                false, set_ttl},
};
/* clang-format on */

#define NUM_KEYS (sizeof(table) / sizeof(table[0]))

/* [tcb PRODUCT]: every key is the name of a component. */
static int set_component(struct policy_keys *keys, const struct ini_key *key, struct err *err)
{
    bool fmc_fits = strcmp(key->name, "turin") == 0 || strcmp(key->name, "sim") == 0;
    uint64_t value = 0;

    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (strcmp(key->key, tcb_component_name((enum tcb_component)i)) != 0) {
            continue;
        }
        if (i == TCB_FMC && !fmc_fits) {
            return err_set(err, ERR_INVALID, "%s has no such component", key->name);
        }
        if (keys->floor->set[i]) {
            return err_set(err, ERR_INVALID, "set twice");
        }
        if (parse_number(key->value, 0, UINT8_MAX, &value, err) != 0) {
            return -1;
        }
        keys->floor->min[i] = (uint8_t)value;
        keys->floor->set[i] = true;
        return 0;
    }
    return err_set(err, ERR_INVALID, "no such key");
}

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

    keys->workload = NULL;
    keys->floor = NULL;
    keys->seen = 0;
    if (strcmp(kind, "ca") == 0 && name[0] == '\0') {
        keys->ca_line = line;
        return 0;
    }
    if (strcmp(kind, "platform") == 0 && strcmp(name, "sim") == 0) {
        keys->platform_line = line;
        return 0;
    }
    if (strcmp(kind, "workload") == 0 && name[0] != '\0') {
        return begin_workload(keys, name, line, err);
    }
    if (strcmp(kind, "tcb") == 0) {
        if (find_product(name, &product, err) != 0) {
            return -1;
        }
        keys->floor = &keys->policy->floors[product];
        keys->floor->line = line;
        return 0;
    }
    return err_set(err, ERR_INVALID, "no such section");
}

int policy_keys_set(void *user, const struct ini_key *key, struct err *err)
{
    struct policy_keys *keys = user;

    if (keys->floor != NULL) {
        return set_component(keys, key, err);
    }
    for (unsigned i = 0; i < NUM_KEYS; i++) {
        if (strcmp(key->kind, table[i].kind) != 0 || strcmp(key->key, table[i].key) != 0) {
            continue;
        }
        if (!table[i].list && (keys->seen & 1U << i) != 0) {
            return err_set(err, ERR_INVALID, "set twice");
        }
        if (table[i].set(keys, key->value, err) != 0) {
            return -1;
        }
        keys->seen |= 1U << i;
        return 0;
    }
    return err_set(err, ERR_INVALID, "no such key");
}
