/*
 * Verify: walks the tables of rules, tries the candidates, and turns a verified report into claims.
 */
#include "attest/verify.h"

#include <assert.h>
#include <string.h>

#include "attest/product.h"
#include "attest/rule.h"

/* VEKs times intermediates of the right name: an honest guest needs one or two. */
#define TRIALS_MAX 32

/* What a walk over the tables has found. */
struct outcome {
    bool refused;
    struct verdict verdict;   /* of the first row that failed */
    struct verify_rows *rows; /* NULL: stop at the first failure */
};

static void record(struct outcome *outcome, const struct rule *rule, enum row_state state,
                   const struct verdict *verdict)
{
    struct verify_rows *rows = outcome->rows;

    if (state == ROW_FAILED && !outcome->refused) {
        outcome->refused = true;
        outcome->verdict = *verdict;
    }
    if (rows != NULL) {
        assert(rows->num_results < VERIFY_ROWS_MAX);
        rows->results[rows->num_results++] = (struct row_result){
            .row = rule->row,
            .state = state,
            .check = rule->check,
            .verdict = state == ROW_FAILED ? *verdict : (struct verdict){0},
        };
    }
}

/* Judges one table.  A row whose needs an earlier failure has left unmet is left out. */
static void walk(struct appraisal *a, const struct rule *rules, size_t num_rules,
                 struct outcome *outcome)
{
    for (size_t i = 0; i < num_rules && (!outcome->refused || outcome->rows != NULL); i++) {
        const struct rule *rule = &rules[i];
        const char *slug = NULL;

        if ((rule->needs & ~rule_known(a)) != 0) {
            assert(outcome->refused || outcome->rows != NULL);
            continue;
        }
        a->found = (struct verdict){0};
        slug = rule->judge(a);
        if (slug == NULL || slug == rule_skipped) {
            record(outcome, rule, slug == NULL ? ROW_OK : ROW_SKIPPED, &a->found);
            continue;
        }
        a->found.code = rule->code;
        a->found.slug = slug;
        a->found.row = rule->row;
        record(outcome, rule, ROW_FAILED, &a->found);
    }
}

/* Rows 21 to 54 for one VEK and one intermediate, either of which may be missing. */
static bool try_chain(struct appraisal *a, const struct cert *vek, const struct cert *ask,
                      struct outcome *outcome)
{
    a->vek = vek;
    a->kind = vek != NULL ? rule_vek_kind(vek) : VEK_NAMED_OTHERWISE;
    a->ask = ask;
    a->root = ROOT_MISSING;
    if (ask != NULL) {
        a->root = pool_find_root(a->pool, ask, a->options, &a->ark, &a->anchor);
    }
    if (vek != NULL) {
        a->fields = vek_read(vek);
    }
    walk(a, rules_chain, rules_chain_len, outcome);
    walk(a, rules_vek, rules_vek_len, outcome);
    return !outcome->refused;
}

/* The best trial so far: the first that passes, or else the first. */
struct search {
    size_t num_trials;
    struct appraisal best;
    struct outcome outcome;
    struct verify_rows rows;
};

static bool search_try(struct search *search, const struct appraisal *base, const struct cert *vek,
                       const struct cert *ask, const struct outcome *before)
{
    struct appraisal trial = *base;
    struct verify_rows rows;
    struct outcome outcome = *before;
    bool passed = false;

    rows.num_results = 0;
    outcome.refused = false;
    outcome.rows = before->rows == NULL ? NULL : &rows;
    passed = try_chain(&trial, vek, ask, &outcome);
    if (search->num_trials++ == 0 || passed) {
        search->best = trial;
        search->outcome = outcome;
        if (outcome.rows != NULL) {
            search->rows = rows;
        }
    }
    return passed;
}

/* Sets candidates aside until one passes; with none left, the first decides. */
static void find_chain(struct appraisal *a, struct outcome *outcome)
{
    struct search search = {.num_trials = 0};
    const struct cert *fallback = pool_any_intermediate(a->pool);
    const struct cert *vek = NULL;
    size_t vek_cursor = 0;
    bool passed = false;

    while (!passed && search.num_trials < TRIALS_MAX &&
           (vek = pool_next_vek(a->pool, &vek_cursor)) != NULL) {
        const struct cert *ask = NULL;
        size_t cursor = 0;
        size_t num_before = search.num_trials;

        while (!passed && search.num_trials < TRIALS_MAX &&
               (ask = pool_next_issuer(a->pool, vek, &cursor)) != NULL) {
            passed = search_try(&search, a, vek, ask, outcome);
        }
        if (search.num_trials == num_before) {
            passed = search_try(&search, a, vek, fallback, outcome);
        }
    }
    if (search.num_trials == 0) {
        search_try(&search, a, NULL, fallback, outcome);
    }
    *a = search.best;
    if (search.outcome.refused && !outcome->refused) {
        outcome->refused = true;
        outcome->verdict = search.outcome.verdict;
    }
    if (outcome->rows != NULL) {
        assert(outcome->rows->num_results + search.rows.num_results <= VERIFY_ROWS_MAX);
        memcpy(&outcome->rows->results[outcome->rows->num_results], search.rows.results,
               search.rows.num_results * sizeof(search.rows.results[0]));
        outcome->rows->num_results += search.rows.num_results;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whose key signed: rows 48 and 49 have bounded both texts. */
static void fill_signer(const struct appraisal *a, struct claims *claims)
{
    struct bytes csp = {0};

    if (claims->vlek && vek_text(a->fields.csp, &csp) && csp.len < sizeof(claims->csp) &&
        memchr(csp.data, '\0', csp.len) == NULL) {
        memcpy(claims->csp, csp.data, csp.len);
    }
    if (!claims->vlek && a->fields.hwid.len <= sizeof(claims->vek_chip)) {
        memcpy(claims->vek_chip, a->fields.hwid.data, a->fields.hwid.len);
    }
}

static void fill_crl(const struct appraisal *a, struct claims *claims)
{
    if (a->crl == NULL) {
        return;
    }
    claims->crl_used = true;
    memcpy(claims->crl_number, a->crl->number.data, a->crl->number.len);
    claims->crl_number_len = a->crl->number.len;
    claims->crl_this_update = a->crl->this_update;
    claims->valid_until = earlier(claims->valid_until, a->crl->next_update);
}

/* False only if a hash fails for want of memory. */
static bool fill_claims(const struct appraisal *a, const struct verified_report *verified,
                        struct claims *out_claims)
{
    struct report report = verified->report;
    uint64_t policy = report_uint(report, REPORT_POLICY);
    struct claims claims = {
        .tee = a->anchor->provider == PROVIDER_SIM ? TEE_SIM : TEE_SNP,
        .product = a->anchor->product,
        .measurement_len = report_field_info(REPORT_MEASUREMENT)->len,
        .host_data_len = report_field_info(REPORT_HOST_DATA)->len,
        .guest_policy = policy,
        .platform_info = report_uint(report, REPORT_PLATFORM_INFO),
        .guest_svn = (uint32_t)report_uint(report, REPORT_GUEST_SVN),
        .vmpl = (uint32_t)report_uint(report, REPORT_VMPL),
        .debug = (policy & REPORT_POLICY_DEBUG) != 0,
        .migration = (policy & REPORT_POLICY_MIGRATE_MA) != 0,
        .smt = (policy & REPORT_POLICY_SMT) != 0,
        .reported = tcb_read(a->layout, report_bytes(report, REPORT_REPORTED_TCB).data),
        .current = tcb_read(a->layout, report_bytes(report, REPORT_CURRENT_TCB).data),
        .committed = tcb_read(a->layout, report_bytes(report, REPORT_COMMITTED_TCB).data),
        .launch = tcb_read(a->layout, report_bytes(report, REPORT_LAUNCH_TCB).data),
        .current_firmware = {(uint8_t)report_uint(report, REPORT_CURRENT_MAJOR),
                             (uint8_t)report_uint(report, REPORT_CURRENT_MINOR),
                             (uint8_t)report_uint(report, REPORT_CURRENT_BUILD)},
        .committed_firmware = {(uint8_t)report_uint(report, REPORT_COMMITTED_MAJOR),
                               (uint8_t)report_uint(report, REPORT_COMMITTED_MINOR),
                               (uint8_t)report_uint(report, REPORT_COMMITTED_BUILD)},
        .mitigations_known = report_uint(report, REPORT_VERSION) >= 5,
        .launch_mitigations = report_uint(report, REPORT_LAUNCH_MIT_VECTOR),
        .current_mitigations = report_uint(report, REPORT_CURRENT_MIT_VECTOR),
        .author_key_enabled = report_author_key_enabled(report),
        .vlek = rule_vek_kind(a->vek) == VEK_VLEK,
        .chip_known = report_chip_known(report) && rule_vek_kind(a->vek) == VEK_VCEK,
        .valid_until = earlier(a->vek->not_after, earlier(a->ask->not_after, a->ark->not_after)),
    };
    const struct {
        enum report_field field;
        uint8_t *to;
    } copies[] = {
        {REPORT_MEASUREMENT, claims.measurement},
        {REPORT_HOST_DATA, claims.host_data},
        {REPORT_REPORT_DATA, claims.report_data},
        {REPORT_CHIP_ID, claims.chip},
        {REPORT_ID_KEY_DIGEST, claims.id_key_digest},
        {REPORT_AUTHOR_KEY_DIGEST, claims.author_key_digest},
        {REPORT_FAMILY_ID, claims.family_id},
        {REPORT_IMAGE_ID, claims.image_id},
        {REPORT_REPORT_ID, claims.report_id},
        {REPORT_REPORT_ID_MA, claims.report_id_ma},
    };

    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        struct bytes bytes = report_bytes(report, copies[i].field);

        memcpy(copies[i].to, bytes.data, bytes.len);
    }
    memcpy(claims.ark_spki_sha256, a->anchor->spki_sha256, sizeof(claims.ark_spki_sha256));
    fill_signer(a, &claims);
    fill_crl(a, &claims);
    if (!cert_spki_sha256(a->vek, claims.vek_spki_sha256) ||
        !report_id(report, claims.evidence_id)) {
        return false;
    }
    *out_claims = claims;
    return true;
}

/* PEM was decoded into the pool, which ends with the verification: certificates are copied. */
static void fill_chain(const struct appraisal *a, struct verify_chain *chain)
{
    assert(a->vek->der.len <= CERT_DER_MAX && a->ask->der.len <= CERT_DER_MAX &&
           a->ark->der.len <= CERT_DER_MAX);
    memcpy(chain->vek, a->vek->der.data, a->vek->der.len);
    chain->vek_len = a->vek->der.len;
    memcpy(chain->ask, a->ask->der.data, a->ask->der.len);
    chain->ask_len = a->ask->der.len;
    memcpy(chain->ark, a->ark->der.data, a->ark->der.len);
    chain->ark_len = a->ark->der.len;
    chain->not_after = earlier(a->vek->not_after, earlier(a->ask->not_after, a->ark->not_after));
    chain->crl = a->crl != NULL ? a->crl->der : (struct bytes){0};
}

bool verify_evidence(const struct evidence *evidence, const struct collateral *collateral,
                     const struct verify_options *options, struct claims *out_claims,
                     struct verdict *out_verdict, struct verify_rows *rows)
{
    struct appraisal a = {.evidence = evidence, .options = options};
    struct outcome outcome = {.rows = rows};
    struct pool *pool = NULL;
    bool accepted = false;

    if (rows != NULL) {
        rows->num_results = 0;
    }
    walk(&a, rules_envelope, rules_envelope_len, &outcome);
    walk(&a, rules_report, rules_report_len, &outcome);
    if (!outcome.refused || rows != NULL) {
        struct table table = {0};

        pool = pool_new(evidence, a.table_known ? &a.table : &table, collateral);
        if (pool == NULL) {
            return verdict_refuse(out_verdict, VERDICT_UNAVAILABLE, 0, "memory");
        }
        a.pool = pool;
        find_chain(&a, &outcome);
        rule_choose_crl(&a);
        walk(&a, rules_crl, rules_crl_len, &outcome);
        walk(&a, rules_final, rules_final_len, &outcome);
    }
    /* No row was left out, and the report's signature held. */
    assert(outcome.refused ||
           (rule_known(&a) == NEEDS_ALL && a.verified.report.data != NULL && a.vek != NULL &&
            a.ask != NULL && a.ark != NULL && a.anchor != NULL));
    if (outcome.refused) {
        *out_verdict = outcome.verdict;
    } else if (!fill_claims(&a, &a.verified, out_claims)) {
        verdict_refuse(out_verdict, VERDICT_UNAVAILABLE, 0, "memory");
    } else {
        *out_verdict = (struct verdict){.code = VERDICT_ACCEPTED};
        accepted = true;
        if (options->out_chain != NULL) {
            fill_chain(&a, options->out_chain);
        }
    }
    pool_free(pool);
    return accepted;
}
