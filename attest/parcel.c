/*
 * Parcel: walks the verifier's tables of rules without its anchors.
 *
 * Without the root's certificate the product is what the report says, or (version 2) the VEK; the
 * rows on the root are judged only if the host brought one.
 */
#include "attest/parcel.h"

#include <stdlib.h>

#include "attest/rule.h"
#include "common/err.h"

/* By number: those about what is not at hand, which is no fault, and about how certificates are
   encoded, which reading them has shown; those about the root. */
#define ROW_PROVIDER 1
#define ROW_TABLE 5 /* to ROW_TABLE_END */
#define ROW_TABLE_END 9
#define ROW_AT_HAND 21
#define ROW_ENCODING 23
#define ROW_ANCHOR 28
#define ROW_ANCHOR_PLATFORM 29
#define ROW_ARK_VALIDITY 30
#define ROW_ASK_SIGNATURE 32

struct parcel {
    struct evidence evidence;
    struct pool *pool; /* has the certificates in DER */
};

static bool is_about_root(int row)
{
    return row == ROW_ANCHOR || row == ROW_ANCHOR_PLATFORM || row == ROW_ARK_VALIDITY ||
           row == ROW_ASK_SIGNATURE;
}

static unsigned known(const struct appraisal *a)
{
    return rule_known(a) | (a->anchor != NULL ? NEEDS_ARK : 0U);
}

/* The first row that does not hold; NULL: all do. */
static const struct rule *walk(struct appraisal *a, const struct rule *rules, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        const struct rule *rule = &rules[i];
        const char *slug = NULL;

        if (rule->row == ROW_PROVIDER || (rule->row >= ROW_AT_HAND && rule->row <= ROW_ENCODING) ||
            (is_about_root(rule->row) && a->ark == NULL) || (rule->needs & ~known(a)) != 0) {
            continue;
        }
        a->found = (struct verdict){0};
        slug = rule->judge(a);
        if (slug != NULL && slug != rule_skipped) {
            a->found.slug = slug;
            return rule;
        }
    }
    return NULL;
}

static int refuse(const struct appraisal *a, const struct rule *rule, struct err *err)
{
    const struct verdict *found = &a->found;

    return err_set(err, ERR_INVALID, "the CA would refuse it: %s: %s: %s%s%s%s%s",
                   verdict_code_name(rule->code), found->slug, rule->check,
                   found->expected[0] != '\0' ? ", want " : "", found->expected,
                   found->actual[0] != '\0' ? ", is " : "", found->actual);
}

/* The product that a version 2 report leaves to the VEK. */
static bool product_of_vek(const struct cert *vek, enum product *out_product)
{
    const struct vek fields = vek_read(vek);
    struct bytes name;

    if (fields.product_name.data == NULL || !vek_text(fields.product_name, &name)) {
        return false;
    }
    for (unsigned i = 0; i < PRODUCTS; i++) {
        if (product_name_fits((enum product)i, name)) {
            *out_product = (enum product)i;
            return true;
        }
    }
    return false;
}

static bool product_of(const struct appraisal *a, enum product *out_product)
{
    if (report_uint(a->report, REPORT_VERSION) <
        report_field_info(REPORT_CPUID_FAMILY)->version_min) {
        return product_of_vek(a->vek, out_product);
    }
    return product_by_cpuid((unsigned)report_uint(a->report, REPORT_CPUID_FAMILY),
                            (unsigned)report_uint(a->report, REPORT_CPUID_MODEL), out_product);
}

/* Rows 24 to 54 for a VEK and perhaps its intermediate. */
static bool fits(const struct appraisal *base, const struct cert *vek, const struct cert *ask,
                 const struct cert **out_ark)
{
    struct anchor stand_in = {.provider = base->provider};
    struct appraisal a = *base;
    size_t cursor = 0;

    a.vek = vek;
    a.ask = ask;
    a.fields = vek_read(vek);
    if (ask != NULL && pool_next_issuer(a.pool, ask, &cursor) != NULL) {
        a.root = pool_find_root(a.pool, ask, a.options, &a.ark, &a.anchor);
        if (a.root != ROOT_FOUND) {
            return false;
        }
    } else if (product_of(&a, &stand_in.product)) {
        a.anchor = &stand_in;
    }
    if (walk(&a, rules_chain, rules_chain_len) != NULL ||
        walk(&a, rules_vek, rules_vek_len) != NULL) {
        return false;
    }
    *out_ark = a.ark;
    return true;
}

/* What of the pool fits: a VEK with its intermediate is better than one without. */
struct choice {
    const struct cert *vek;
    const struct cert *ask;
    const struct cert *ark;
};

static struct choice choose(const struct appraisal *a)
{
    struct choice choice = {.vek = NULL};
    const struct cert *vek = NULL;
    size_t veks = 0;

    while (choice.ask == NULL && (vek = pool_next_vek(a->pool, &veks)) != NULL) {
        const struct cert *ask = NULL;
        const struct cert *ark = NULL;
        size_t issuers = 0;

        if (choice.vek == NULL && fits(a, vek, NULL, &ark)) {
            choice.vek = vek;
        }
        while (choice.ask == NULL && (ask = pool_next_issuer(a->pool, vek, &issuers)) != NULL) {
            if (fits(a, vek, ask, &ark)) {
                choice = (struct choice){.vek = vek, .ask = ask, .ark = ark};
            }
        }
    }
    return choice;
}

/* Whether every certificate is one of those chosen; without a VEK there is nothing to fit. */
static bool uses_all(const struct choice *choice, const struct pool *pool)
{
    size_t cursor = 0;
    bool has_vek = pool_next_vek(pool, &cursor) != NULL;
    size_t num = (choice->vek != NULL ? 1U : 0U) + (choice->ask != NULL ? 1U : 0U) +
                 (choice->ark != NULL ? 1U : 0U);

    return (!has_vek || num == pool_num_certs(pool)) && pool_unreadable(pool) == CERT_OK;
}

static void pack(struct parcel *parcel, const struct evidence *evidence,
                 const struct choice *choice)
{
    struct evidence *out = &parcel->evidence;

    *out = *evidence;
    out->num_certs = 0;
    if (choice->vek != NULL) {
        out->certs[out->num_certs++] = choice->vek->der;
    }
    if (choice->ask != NULL) {
        out->certs[out->num_certs++] = choice->ask->der;
    }
    if (!uses_all(choice, parcel->pool)) {
        out->auxblob = (struct bytes){0};
    }
}

/* A table that a CA must refuse, such as one that the kernel has cut, is dropped from `kept`. */
static const struct rule *walk_envelope(struct appraisal *a, struct evidence *kept)
{
    const struct appraisal fresh = *a;
    const struct rule *broken = walk(a, rules_envelope, rules_envelope_len);

    if (broken == NULL || broken->row < ROW_TABLE || broken->row > ROW_TABLE_END) {
        return broken;
    }
    kept->auxblob = (struct bytes){0};
    *a = fresh;
    return walk(a, rules_envelope, rules_envelope_len);
}

struct parcel *parcel_new(const struct evidence *evidence, int64_t now, struct err *err)
{
    static const struct collateral none = {.certs = NULL};
    const struct verify_options options = {
        .now = now, .anchors = verify_vendor_anchors, .num_anchors = verify_num_vendor_anchors};
    struct evidence kept = *evidence;
    struct appraisal a = {.evidence = &kept, .options = &options};
    struct parcel *parcel = NULL;
    struct choice choice;
    const struct rule *broken = walk_envelope(&a, &kept);

    if (broken == NULL) {
        broken = walk(&a, rules_report, rules_report_len);
    }
    if (broken != NULL) {
        refuse(&a, broken, err);
        return NULL;
    }
    parcel = calloc(1, sizeof(*parcel));
    if (parcel == NULL || (parcel->pool = pool_new(&kept, &a.table, &none)) == NULL) {
        free(parcel);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    a.pool = parcel->pool;
    choice = choose(&a);
    pack(parcel, &kept, &choice);
    return parcel;
}

void parcel_free(struct parcel *parcel)
{
    if (parcel != NULL) {
        pool_free(parcel->pool);
        free(parcel);
    }
}

const struct evidence *parcel_evidence(const struct parcel *parcel)
{
    return &parcel->evidence;
}
