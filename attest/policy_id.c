/*
 * Policy id: normalised lines, sorted and hashed.
 */
#include "attest/policy_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "attest/policy_bits.h"
#include "common/err.h"
#include "common/est.h"

#define LINE_CAP (SPIFFE_ID_MAX + 128)

struct line {
    char *text; /* owned */
    size_t len;
};

struct lines {
    struct line *items; /* owned */
    size_t num;
    size_t cap;
    bool failed; /* out of memory; everything after is a no-op */
};

static void add(struct lines *lines, const char *kind, const char *name, const char *key,
                const char *value)
{
    char text[LINE_CAP];
    int len = snprintf(text, sizeof(text), "%s%s%s%c%s%c%s\n", kind, name[0] != '\0' ? " " : "",
                       name, '\0', key, '\0', value);
    struct line line = {.len = (size_t)len};

    if (lines->failed) {
        return;
    }
    if (lines->num == lines->cap) {
        size_t cap = lines->cap == 0 ? 64 : lines->cap * 2;
        struct line *items = realloc(lines->items, cap * sizeof(*items));

        if (items == NULL) {
            lines->failed = true;
            return;
        }
        lines->items = items;
        lines->cap = cap;
    }
    line.text = len > 0 && (size_t)len < sizeof(text) ? malloc(line.len) : NULL;
    if (line.text == NULL) {
        lines->failed = true;
        return;
    }
    memcpy(line.text, text, line.len);
    lines->items[lines->num++] = line;
}

static void add_number(struct lines *lines, const char *kind, const char *name, const char *key,
                       uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    add(lines, kind, name, key, text);
}

static void add_hex(struct lines *lines, const char *kind, const char *name, const char *key,
                    const uint8_t *data, size_t len)
{
    char text[2 * CLAIMS_CHIP_LEN + 1];

    for (size_t i = 0; i < len; i++) {
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    }
    add(lines, kind, name, key, text);
}

static void add_mask(struct lines *lines, const char *kind, const char *name, const char *key,
                     uint64_t mask)
{
    char text[24];

    snprintf(text, sizeof(text), "%016" PRIx64, mask);
    add(lines, kind, name, key, text);
}

static void add_values(struct lines *lines, const struct policy_workload *workload, const char *key,
                       const struct policy_values *values, size_t len)
{
    for (size_t i = 0; i < values->num; i++) {
        add_hex(lines, "workload", workload->name, key, values->data + i * len, len);
    }
}

/* A bit has one polarity, so both masks of a word may come as one. */
static void add_bits(struct lines *lines, const struct policy_workload *workload,
                     enum policy_word word, uint64_t mask)
{
    static const char *const keys[POLICY_WORDS][2] = {
        [POLICY_WORD_GUEST] = {"guest_require", "guest_forbid"},
        [POLICY_WORD_PLATFORM] = {"platform_require", "platform_forbid"},
    };
    size_t num = 0;
    const struct policy_bit *bits = policy_bits(word, &num);

    for (size_t i = 0; i < num; i++) {
        if ((mask >> bits[i].bit & 1) != 0) {
            add(lines, "workload", workload->name,
                keys[word][bits[i].wish == POLICY_REQUIRE ? 0 : 1], bits[i].name);
        }
    }
}

static void add_version(struct lines *lines, const char *kind, const char *name, const char *key,
                        unsigned version)
{
    char text[16];

    snprintf(text, sizeof(text), "%u.%u", version >> 8U, version & 0xffU);
    add(lines, kind, name, key, text);
}

static void add_machine(struct lines *lines, const struct policy_workload *workload)
{
    static const char *const veks[] = {"any", "vcek", "vlek"};
    const struct policy_machine_rules *machine = &workload->machine;

    add_values(lines, workload, "chip", &machine->chips, CLAIMS_CHIP_LEN);
    add(lines, "workload", workload->name, "vek", veks[machine->vek]);
    for (size_t i = 0; i < machine->num_csp; i++) {
        add(lines, "workload", workload->name, "csp", machine->csp[i]);
    }
    add(lines, "workload", workload->name, "masked_chip",
        machine->allow_masked_chip ? "allow" : "refuse");
    add_bits(lines, workload, POLICY_WORD_PLATFORM, machine->require | machine->forbid);
    add_mask(lines, "workload", workload->name, "platform_accept_bits", machine->accept);
}

static void add_floor(struct lines *lines, const char *product, const struct policy_floor *floor)
{
    char text[16];

    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (floor->set[i]) {
            add_number(lines, "tcb", product, tcb_component_name((enum tcb_component)i),
                       floor->min[i]);
        }
    }
    snprintf(text, sizeof(text), "%u.%u.%u", floor->firmware.major, floor->firmware.minor,
             floor->firmware.build);
    add(lines, "tcb", product, "firmware", text);
    add(lines, "tcb", product, "provisional", floor->refuse_provisional ? "refuse" : "allow");
    add(lines, "tcb", product, "tcb_order", floor->strict_order ? "strict" : "loose");
    add_mask(lines, "tcb", product, "min_launch_mit", floor->min_launch_mit);
    add_mask(lines, "tcb", product, "min_current_mit", floor->min_current_mit);
}

static void add_workload(struct lines *lines, const struct policy_workload *workload)
{
    const char *kind = "workload";
    const char *name = workload->name;

    add(lines, kind, name, "tee", tee_name(workload->tee));
    for (unsigned i = 0; i < POLICY_REFERENCES; i++) {
        const struct policy_reference_info *info = policy_reference_info((enum policy_reference)i);

        add_values(lines, workload, info->key, &workload->references[i], info->len);
    }
    add_number(lines, kind, name, "min_guest_svn", workload->min_guest_svn);
    for (unsigned i = 0; i < PRODUCTS; i++) {
        if (workload->products[i]) {
            add(lines, kind, name, "tcb", product_name((enum product)i));
        }
    }
    add_number(lines, kind, name, "vmpl", workload->guest.vmpl);
    add(lines, kind, name, "debug", workload->guest.allow_debug ? "allow" : "refuse");
    add(lines, kind, name, "migration", workload->guest.allow_migration ? "allow" : "refuse");
    add(lines, kind, name, "smt", workload->guest.refuse_smt ? "refuse" : "allow");
    add_bits(lines, workload, POLICY_WORD_GUEST, workload->guest.require | workload->guest.forbid);
    add_version(lines, kind, name, "min_abi", workload->guest.min_abi);
    add_machine(lines, workload);
    add(lines, kind, name, "spiffe", workload->spiffe);
    for (size_t i = 0; i < workload->num_dns; i++) {
        add(lines, kind, name, "dns", workload->dns[i]);
    }
    add_number(lines, kind, name, "ttl", workload->ttl_s);
}

static void add_all(struct lines *lines, const struct policy *policy)
{
    add(lines, "ca", "", "trust_domain", policy->trust_domain);
    add_number(lines, "ca", "", "epoch", policy->ca.epoch);
    add_number(lines, "ca", "", "ttl", policy->ca.ttl_s);
    add(lines, "ca", "", "insecure_short_ttl", policy->ca.short_ttl ? "yes" : "no");
    add(lines, "ca", "", "vendor_crl",
        policy->ca.vendor_crl == VENDOR_CRL_REQUIRE ? "require" : "use");
    for (unsigned i = 0; i < PRODUCTS; i++) {
        if (policy->floors[i].line != 0) {
            add_floor(lines, product_name((enum product)i), &policy->floors[i]);
        }
    }
    for (size_t i = 0; i < policy->num_workloads; i++) {
        add_workload(lines, &policy->workloads[i]);
    }
    if (policy->insecure_root != NULL) {
        add_hex(lines, "platform", "sim", "insecure_root", policy->insecure_spki_sha256, 32);
    }
}

static int line_compare(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->text, right->text, len);

    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

static bool digest(const struct lines *lines, uint8_t out_sha256[static 32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; ok && i < lines->num; i++) {
        if (i > 0 && line_compare(&lines->items[i - 1], &lines->items[i]) == 0) {
            continue;
        }
        ok = EVP_DigestUpdate(ctx, lines->items[i].text, lines->items[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out_sha256, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

int policy_id_compute(const struct policy *policy, char out_id[static POLICY_ID_LEN],
                      struct err *err)
{
    struct lines lines = {0};
    uint8_t sha256[32];
    struct buf id = buf_over(out_id, POLICY_ID_LEN - 1);
    int rc = -1;

    add_all(&lines, policy);
    if (!lines.failed) {
        qsort(lines.items, lines.num, sizeof(*lines.items), line_compare);
    }
    if (lines.failed || !digest(&lines, sha256) || !buf_append(&id, "ni:///sha-256;", 14) ||
        !est_base64url_put(&id, (struct bytes){sha256, sizeof(sha256)})) {
        err_set(err, ERR_LIMIT, "policy id: out of memory");
        goto out;
    }
    out_id[id.len] = '\0';
    rc = 0;
out:
    for (size_t i = 0; i < lines.num; i++) {
        free(lines.items[i].text);
    }
    free(lines.items);
    return rc;
}
