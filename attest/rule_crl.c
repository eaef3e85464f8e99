/*
 * Rule: rows 55 to 63, the vendor's revocation list.
 *
 * The lists of the verifier and of the evidence are candidates alike, since the root's signature
 * decides; of those that hold, the newest counts.  What is looked up is the intermediate and the
 * root: the intermediate issues no list of its own.
 */
#include "attest/rule.h"

#include <string.h>

#include "attest/crl.h"
#include "attest/memo.h"

#define CLOCK_SKEW_S 300

static const char *judge_at_hand(struct appraisal *a)
{
    bool required =
        a->options->vendor_crl == VENDOR_CRL_REQUIRE && a->anchor->provider != PROVIDER_SIM;

    if (a->crl == NULL && !pool_crl_unreadable(a->pool)) {
        return required ? "crl-missing" : rule_skipped;
    }
    return NULL;
}

/* One that cannot be read may be the one that is missing. */
static const char *judge_encoding(struct appraisal *a)
{
    verdict_expected(&a->found, "one DER CertificateList, version 2, at most %d bytes",
                     CRL_DER_MAX);
    if (a->crl == NULL) {
        return pool_crl_unreadable(a->pool) ? "crl-malformed" : rule_skipped;
    }
    return a->crl->version == 2 ? NULL : "crl-malformed";
}

static const char *judge_algorithm(struct appraisal *a)
{
    const struct cert *list = NULL;

    if (a->crl == NULL) {
        return rule_skipped;
    }
    list = &a->crl->signed_part;
    return bytes_same(list->algorithm_inner, list->algorithm_outer) && cert_pss_fits(list)
               ? NULL
               : "crl-algorithm";
}

static const char *judge_issuer(struct appraisal *a)
{
    if (a->crl == NULL) {
        return rule_skipped;
    }
    return bytes_same(a->crl->signed_part.issuer, a->ark->subject) &&
                   bytes_same(a->crl->authority_key_id, cert_subject_key_id(a->ark))
               ? NULL
               : "crl-issuer";
}

static const char *judge_signature(struct appraisal *a)
{
    if (a->crl == NULL) {
        return rule_skipped;
    }
    return memo_signed_by(a->options->memo, &a->crl->signed_part, a->ark) ? NULL : "crl-signature";
}

static const char *judge_scope(struct appraisal *a)
{
    if (a->crl == NULL) {
        return rule_skipped;
    }
    return a->crl->critical ? "crl-critical-extension" : NULL;
}

static const char *judge_window(struct appraisal *a)
{
    const struct crl *crl = a->crl;

    if (crl == NULL) {
        return rule_skipped;
    }
    verdict_actual(&a->found, "%lld to %lld", (long long)crl->this_update,
                   (long long)crl->next_update);
    verdict_expected(&a->found, "around %lld", (long long)a->options->now);
    if (crl->this_update > a->options->now + CLOCK_SKEW_S) {
        return "crl-not-yet-valid";
    }
    if (!crl->has_next_update) {
        return "crl-no-next-update";
    }
    return a->options->now < crl->next_update ? NULL : "crl-expired";
}

/* The newest that was ever accepted for this root and kind of key; NULL: none. */
static const struct crl_mark *find_mark(const struct appraisal *a)
{
    bool vlek = a->kind == VEK_VLEK;

    for (size_t i = 0; i < a->options->num_crl_marks; i++) {
        const struct crl_mark *mark = &a->options->crl_marks[i];

        if (mark->vlek == vlek && memcmp(mark->ark_spki_sha256, a->anchor->spki_sha256,
                                         sizeof(mark->ark_spki_sha256)) == 0) {
            return mark;
        }
    }
    return NULL;
}

static const char *judge_number(struct appraisal *a)
{
    const struct crl_mark *mark = NULL;

    if (a->crl == NULL) {
        return rule_skipped;
    }
    if (a->crl->number.data == NULL) {
        return "crl-number-missing";
    }
    mark = find_mark(a);
    if (mark == NULL) {
        return NULL;
    }
    verdict_hex((struct bytes){mark->number, mark->number_len}, a->found.expected);
    verdict_hex(a->crl->number, a->found.actual);
    return crl_compare_numbers(a->crl->number, (struct bytes){mark->number, mark->number_len}) >=
                       0 &&
                   a->crl->this_update >= mark->this_update
               ? NULL
               : "crl-rollback";
}

static const char *judge_revoked(struct appraisal *a)
{
    if (a->crl == NULL) {
        return rule_skipped;
    }
    verdict_hex(a->ask->serial, a->found.actual);
    if (crl_lists(a->crl, a->ask->serial)) {
        return "intermediate-revoked";
    }
    verdict_hex(a->ark->serial, a->found.actual);
    return crl_lists(a->crl, a->ark->serial) ? "root-revoked" : NULL;
}

// clang-format off
const struct rule rules_crl[] = {
    {55, VERDICT_COLLATERAL_UNAVAILABLE, "CRL at hand",   NEEDS_ARK | NEEDS_POOL, judge_at_hand},
    {56, VERDICT_COLLATERAL_INVALID,     "CRL encoding",  NEEDS_ARK | NEEDS_POOL, judge_encoding},
    {57, VERDICT_COLLATERAL_INVALID,     "CRL algorithm", NEEDS_ARK, judge_algorithm},
    {58, VERDICT_COLLATERAL_INVALID,     "CRL issuer",    NEEDS_ARK, judge_issuer},
    {59, VERDICT_COLLATERAL_INVALID,     "CRL signature", NEEDS_ARK, judge_signature},
    {60, VERDICT_COLLATERAL_INVALID,     "CRL scope",     NEEDS_ARK, judge_scope},
    {61, VERDICT_COLLATERAL_INVALID,     "CRL window",    NEEDS_ARK, judge_window},
    {62, VERDICT_COLLATERAL_INVALID,     "CRL number",    NEEDS_ARK | NEEDS_VEK, judge_number},
    {63, VERDICT_REVOKED,                "intermediate",  NEEDS_ARK | NEEDS_ASK, judge_revoked},
};
// clang-format on
const size_t rules_crl_len = sizeof(rules_crl) / sizeof(rules_crl[0]);

static bool holds(struct appraisal *a)
{
    static rule_judge *const judges[] = {judge_encoding,  judge_algorithm, judge_issuer,
                                         judge_signature, judge_scope,     judge_window,
                                         judge_number};

    for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        if (judges[i](a) != NULL) {
            return false;
        }
    }
    return true;
}

/* One of another product says nothing here; one that claims to come from this chain has to hold. */
static bool concerns(const struct appraisal *a, const struct crl *crl)
{
    return bytes_same(crl->signed_part.issuer, a->ark->subject) ||
           (a->ask != NULL && bytes_same(crl->signed_part.issuer, a->ask->subject)) ||
           bytes_same(crl->authority_key_id, cert_subject_key_id(a->ark));
}

static bool newer(const struct crl *crl, const struct crl *than)
{
    int order = crl_compare_numbers(crl->number, than->number);

    return order > 0 || (order == 0 && crl->this_update > than->this_update);
}

void rule_choose_crl(struct appraisal *a)
{
    const struct crl *best = NULL;
    const struct crl *first = NULL;

    if (a->ark == NULL || a->anchor == NULL || a->vek == NULL) {
        return;
    }
    for (size_t i = 0; i < pool_num_crls(a->pool); i++) {
        const struct crl *crl = pool_crl(a->pool, i);

        if (!concerns(a, crl)) {
            continue;
        }
        first = first == NULL ? crl : first;
        a->crl = crl;
        if (holds(a) && (best == NULL || newer(crl, best))) {
            best = crl;
        }
    }
    a->crl = best != NULL ? best : first;
}
