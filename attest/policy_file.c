/*
 * Policy file: reading a policy and the checks that need the whole of it; its end.
 *
 * What one line may say is policy_keys; what the policy then decides is policy.
 */
#include "attest/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "attest/policy_id.h"
#include "attest/policy_keys.h"
#include "attest/policy_root.h"
#include "attest/policy_rules.h"
#include "common/err.h"
#include "common/file.h"

static bool ttl_fits(const struct policy *policy, unsigned ttl_s)
{
    return ttl_s >= (policy->ca.short_ttl ? POLICY_TTL_SHORT_MIN : POLICY_TTL_MIN);
}

/* Makes the whole URI of the path, whose first segment has to be the platform. */
static int finish_spiffe(const struct policy *policy, struct policy_workload *workload,
                         struct err *err)
{
    const char *tee = tee_name(workload->tee);
    size_t tee_len = strlen(tee);
    size_t cap = strlen(workload->spiffe) + strlen(policy->trust_domain) + sizeof("spiffe:///");
    char *uri = NULL;

    if (strncmp(workload->spiffe, tee, tee_len) != 0 || workload->spiffe[tee_len] != '/') {
        return err_set(err, ERR_INVALID, "spiffe has to begin with %s/", tee);
    }
    uri = malloc(cap);
    if (uri == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    snprintf(uri, cap, "spiffe://%s/%s", policy->trust_domain, workload->spiffe);
    free(workload->spiffe);
    workload->spiffe = uri;
    return 0;
}

static int finish_workload(const struct policy *policy, struct policy_workload *workload,
                           struct err *err)
{
    if (!workload->has_tee) {
        return err_set(err, ERR_INVALID, "tee is missing");
    }
    if (workload->spiffe == NULL) {
        return err_set(err, ERR_INVALID, "spiffe is missing");
    }
    if (workload->references[POLICY_MEASUREMENT].num == 0 &&
        workload->references[POLICY_ID_KEY].num == 0) {
        return err_set(err, ERR_INVALID, "measurement or id_key_digest is missing");
    }
    if (workload->tee == TEE_SIM && policy->insecure_root == NULL) {
        return err_set(err, ERR_INVALID, "tee = sim needs [platform sim] insecure_root");
    }
    for (unsigned i = 0; i < PRODUCTS; i++) {
        if (workload->products[i] && policy->floors[i].line == 0) {
            return err_set(err, ERR_INVALID, "tcb: there is no [tcb %s]",
                           product_name((enum product)i));
        }
    }
    if (workload->ttl_s == 0) {
        workload->ttl_s = policy->ca.ttl_s;
    }
    if (!ttl_fits(policy, workload->ttl_s)) {
        return err_set(err, ERR_INVALID, "ttl under 5 min needs [ca] insecure_short_ttl = yes");
    }
    return finish_spiffe(policy, workload, err);
}

static int workload_compare(const void *a, const void *b)
{
    const struct policy_workload *const *left = a;
    const struct policy_workload *const *right = b;

    return strcmp((*left)->spiffe, (*right)->spiffe);
}

static int refuse_shared_ids(const char *name, const struct policy *policy, struct err *err)
{
    const struct policy_workload **sorted = calloc(policy->num_workloads + 1, sizeof(*sorted));
    int rc = 0;

    if (sorted == NULL) {
        return err_set(err, ERR_LIMIT, "%s: out of memory", name);
    }
    for (size_t i = 0; i < policy->num_workloads; i++) {
        sorted[i] = &policy->workloads[i];
    }
    qsort(sorted, policy->num_workloads, sizeof(*sorted), workload_compare);
    for (size_t i = 1; i < policy->num_workloads && rc == 0; i++) {
        const struct policy_workload *one = sorted[i - 1];
        const struct policy_workload *other = sorted[i];

        if (strcmp(one->spiffe, other->spiffe) == 0) {
            rc = err_set(err, ERR_INVALID, "%s:%u: [workload %s] spiffe: same as of [workload %s]",
                         name, one->line > other->line ? one->line : other->line,
                         one->line > other->line ? one->name : other->name,
                         one->line > other->line ? other->name : one->name);
        }
    }
    free(sorted);
    return rc;
}

/* A relative path stands beside the policy file, wherever the program was started. */
static int finish_root(const char *name, struct policy *policy, struct err *err)
{
    const char *slash = strrchr(name, '/');
    size_t dir_len = slash != NULL ? (size_t)(slash - name) + 1 : 0;
    size_t cap = dir_len + strlen(policy->insecure_root) + 1;
    char *path = NULL;

    if (policy->insecure_root[0] != '/' && dir_len > 0) {
        path = malloc(cap);
        if (path == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        snprintf(path, cap, "%.*s%s", (int)dir_len, name, policy->insecure_root);
        free(policy->insecure_root);
        policy->insecure_root = path;
    }
    return policy_root_load(policy, err);
}

static int finish_anchors(struct policy *policy, struct err *err)
{
    size_t num = verify_num_vendor_anchors;

    policy->anchors = calloc(num + 1, sizeof(*policy->anchors));
    if (policy->anchors == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    memcpy(policy->anchors, verify_vendor_anchors, num * sizeof(*policy->anchors));
    if (policy->insecure_root != NULL) {
        struct anchor *sim = &policy->anchors[num++];

        memcpy(sim->spki_sha256, policy->insecure_spki_sha256, sizeof(sim->spki_sha256));
        sim->product = PRODUCT_SIM;
        sim->provider = PROVIDER_SIM;
    }
    policy->ca.anchors = policy->anchors;
    policy->ca.num_anchors = num;
    policy->ca.insecure_root = policy->insecure_root;
    policy->ca.insecure_root_spki_sha256 =
        policy->insecure_root != NULL ? policy->insecure_spki_sha256 : NULL;
    return 0;
}

static int finish(const char *name, const struct policy_keys *keys, struct err *err)
{
    struct policy *policy = keys->policy;

    if (policy->trust_domain[0] == '\0') {
        return err_set(err, ERR_INVALID, "%s: [ca] trust_domain: missing", name);
    }
    if (!ttl_fits(policy, policy->ca.ttl_s)) {
        return err_set(err, ERR_INVALID,
                       "%s:%u: [ca] ttl: under 5 min needs insecure_short_ttl = yes", name,
                       keys->ca_line);
    }
    if (keys->platform_line != 0) {
        if (policy->insecure_root == NULL) {
            return err_set(err, ERR_INVALID, "%s:%u: [platform sim] insecure_root: missing", name,
                           keys->platform_line);
        }
        if (finish_root(name, policy, err) != 0) {
            return err_wrap(err, "%s:%u: [platform sim] insecure_root", name, keys->platform_line);
        }
    }
    for (size_t i = 0; i < policy->num_workloads; i++) {
        if (finish_workload(policy, &policy->workloads[i], err) != 0) {
            return err_wrap(err, "%s:%u: [workload %s]", name, policy->workloads[i].line,
                            policy->workloads[i].name);
        }
    }
    if (refuse_shared_ids(name, policy, err) != 0 || finish_anchors(policy, err) != 0) {
        return -1;
    }
    policy->ca.trust_domain = policy->trust_domain;
    policy->ca.id = policy->id;
    return policy_id_compute(policy, policy->id, err);
}

struct policy *policy_parse(const char *name, const char *text, size_t len, struct err *err)
{
    struct policy *policy = calloc(1, sizeof(*policy));
    struct policy_keys keys = {.policy = policy};
    const struct ini_callbacks callbacks = {policy_keys_section, policy_keys_set, &keys};

    if (policy == NULL) {
        err_set(err, ERR_LIMIT, "%s: out of memory", name);
        return NULL;
    }
    policy->ca.ttl_s = 3600;
    if (ini_parse_text(name, text, len, &callbacks, err) != 0 || finish(name, &keys, err) != 0) {
        policy_free(policy);
        return NULL;
    }
    return policy;
}

struct policy *policy_load(const char *path, struct err *err)
{
    uint8_t *text = NULL;
    size_t len = 0;
    struct policy *policy = NULL;

    if (file_read(path, INI_FILE_MAX, &text, &len, err) != 0) {
        return NULL;
    }
    policy = policy_parse(path, (const char *)text, len, err);
    free(text);
    return policy;
}

static void free_workload(struct policy_workload *workload)
{
    for (size_t i = 0; i < workload->num_dns; i++) {
        free(workload->dns[i]);
    }
    for (size_t i = 0; i < workload->machine.num_csp; i++) {
        free(workload->machine.csp[i]);
    }
    for (size_t i = 0; i < POLICY_REFERENCES; i++) {
        free(workload->references[i].data);
    }
    free(workload->machine.chips.data);
    free(workload->machine.csp);
    free(workload->dns);
    free(workload->spiffe);
}

void policy_free(struct policy *policy)
{
    if (policy == NULL) {
        return;
    }
    for (size_t i = 0; i < policy->num_workloads; i++) {
        free_workload(&policy->workloads[i]);
    }
    for (size_t i = 0; i < POLICY_DENIED; i++) {
        free(policy->denied[i].data);
    }
    free(policy->workloads);
    free(policy->anchors);
    free(policy->insecure_root);
    OPENSSL_free(policy->insecure_der);
    free(policy);
}
