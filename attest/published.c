/*
 * Published: the rows that need no evidence, over a pool without any.
 */
#include "attest/published.h"

#include <string.h>

#include "attest/rule.h"

/* Rows that look at intermediate, root and list alone. */
#define CHAIN_FIRST 22
#define CHAIN_LAST 35
#define CRL_FIRST 56
#define CRL_LAST 62
#define KNOWN_REVOKED 64

static bool judge(struct appraisal *a, const struct rule *rules, size_t num_rules, int first,
                  int last)
{
    for (size_t i = 0; i < num_rules; i++) {
        const char *slug = NULL;

        if (rules[i].row < first || rules[i].row > last) {
            continue;
        }
        a->found = (struct verdict){0};
        slug = rules[i].judge(a);
        if (slug != NULL && slug != rule_skipped) {
            a->found.code = rules[i].code;
            a->found.slug = slug;
            a->found.row = rules[i].row;
            return false;
        }
    }
    return true;
}

static bool judge_chain(struct appraisal *a, const struct cert *ask, enum product product)
{
    a->ask = ask;
    a->ark = NULL;
    a->root = pool_find_root(a->pool, ask, a->options, &a->ark, &a->anchor);
    if (a->root != ROOT_FOUND || a->anchor->product != product) {
        return verdict_refuse(&a->found, VERDICT_CHAIN_INVALID, 28, "ark-not-pinned");
    }
    a->provider = a->anchor->provider; /* row 29 is about evidence */
    a->provider_known = true;
    return judge(a, rules_chain, rules_chain_len, CHAIN_FIRST, CHAIN_LAST) &&
           judge(a, rules_final, rules_final_len, KNOWN_REVOKED, KNOWN_REVOKED);
}

/* The first intermediate that holds; of none, what was found of the first. */
static bool find_chain(struct appraisal *a, enum product product)
{
    struct verdict first = {0};
    const struct cert *ask = NULL;
    size_t cursor = 0;

    verdict_refuse(&first, VERDICT_COLLATERAL_UNAVAILABLE, 21, "ask-missing");
    for (size_t i = 0; (ask = pool_next_intermediate(a->pool, &cursor)) != NULL; i++) {
        if (judge_chain(a, ask, product)) {
            return true;
        }
        first = i == 0 ? a->found : first;
    }
    a->found = first;
    return false;
}

static bool judge_crl(struct appraisal *a)
{
    if (pool_num_crls(a->pool) == 0) {
        return verdict_refuse(&a->found, VERDICT_COLLATERAL_INVALID, 56, "crl-malformed");
    }
    a->crl = pool_crl(a->pool, 0);
    return judge(a, rules_crl, rules_crl_len, CRL_FIRST, CRL_LAST);
}

static void fill(const struct appraisal *a, bool vlek, struct published_terms *out_terms)
{
    int64_t ask_until = a->ask->not_after;
    int64_t ark_until = a->ark->not_after;

    *out_terms = (struct published_terms){
        .chain_from = a->ask->not_before,
        .chain_until = ask_until < ark_until ? ask_until : ark_until,
    };
    if (a->crl != NULL) {
        struct crl_mark *mark = &out_terms->mark;

        out_terms->crl_from = a->crl->this_update;
        out_terms->crl_until = a->crl->next_update;
        mark->vlek = vlek;
        mark->this_update = a->crl->this_update;
        mark->number_len = a->crl->number.len;
        memcpy(mark->number, a->crl->number.data, a->crl->number.len);
        memcpy(mark->ark_spki_sha256, a->anchor->spki_sha256, sizeof(mark->ark_spki_sha256));
    }
}

bool published_judge(const struct published *published, const struct verify_options *options,
                     struct published_terms *out_terms, struct verdict *out_verdict)
{
    static const struct evidence no_evidence = {0};
    static const struct table no_table = {0};
    const struct collateral collateral = {
        .certs = published->certs->certs,
        .num_certs = published->certs->num_certs,
        .crls = &published->crl,
        .num_crls = published->crl.data != NULL ? 1 : 0,
    };
    struct appraisal a = {.options = options, .kind = published->vlek ? VEK_VLEK : VEK_VCEK};
    struct pool *pool = pool_new(&no_evidence, &no_table, &collateral);
    bool holds = false;

    if (pool == NULL) {
        return verdict_refuse(out_verdict, VERDICT_UNAVAILABLE, 0, "memory");
    }
    a.pool = pool;
    holds = find_chain(&a, published->product) && (published->crl.data == NULL || judge_crl(&a));
    if (holds) {
        fill(&a, published->vlek, out_terms);
    } else {
        *out_verdict = a.found;
    }
    pool_free(pool);
    return holds;
}
