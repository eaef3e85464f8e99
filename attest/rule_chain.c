/*
 * Rule: rows 21 to 41, the three certificates from the root to the VEK.
 *
 * Walked by hand: a path builder would have to be told of every quirk (serial number 0, no key
 * identifiers in a VEK) and would still accept more than AMD issues.
 */
#include "attest/rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "attest/memo.h"
#include "attest/product.h"

#define CLOCK_SKEW_S 300 /* AMD's key service dates a VEK anew at each request */
#define NAME_CAP 32

/* Calls `holds` for each certificate in use and names the first for which it does not. */
static bool all_certs(struct appraisal *a, bool (*holds)(const struct cert *))
{
    const struct {
        const char *name;
        const struct cert *cert;
    } used[] = {{"VEK", a->vek}, {"ASK", a->ask}, {"ARK", a->ark}};

    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        if (used[i].cert != NULL && !holds(used[i].cert)) {
            verdict_actual(&a->found, "%s", used[i].name);
            return false;
        }
    }
    return true;
}

static bool lacks_any(const struct appraisal *a)
{
    return a->vek == NULL || a->ask == NULL || (a->ark == NULL && a->root == ROOT_MISSING);
}

/* A certificate that cannot be read may be the one that is missing: then row 22 or 23 says so. */
static const char *judge_at_hand(struct appraisal *a)
{
    if (pool_unreadable(a->pool) != CERT_OK) {
        return NULL;
    }
    if (a->vek == NULL) {
        return "vek-missing";
    }
    if (a->ask == NULL) {
        return "ask-missing";
    }
    return a->ark == NULL && a->root == ROOT_MISSING ? "ark-missing" : NULL;
}

static const char *judge_size(struct appraisal *a)
{
    verdict_expected(&a->found, "at most %d", CERT_DER_MAX);
    return lacks_any(a) && pool_unreadable(a->pool) == CERT_TOO_LONG ? "cert-too-long" : NULL;
}

static const char *judge_encoding(struct appraisal *a)
{
    return lacks_any(a) && pool_unreadable(a->pool) == CERT_MALFORMED ? "cert-malformed" : NULL;
}

static bool is_version_3(const struct cert *cert)
{
    return cert->version == 3;
}

static const char *judge_x509_version(struct appraisal *a)
{
    return all_certs(a, is_version_3) ? NULL : "cert-version";
}

static bool has_no_foreign_critical(const struct cert *cert)
{
    struct bytes rest = cert->extensions;
    struct cert_extension extension;

    while (cert_next_extension(&rest, &extension)) {
        if (extension.critical && !cert_is_constraints(&extension) && !cert_is_usage(&extension)) {
            return false;
        }
    }
    return true;
}

static const char *judge_extensions(struct appraisal *a)
{
    if (!all_certs(a, cert_extensions_unique)) {
        return "cert-duplicate-extension";
    }
    return all_certs(a, has_no_foreign_critical) ? NULL : "cert-critical-extension";
}

static bool algorithms_agree(const struct cert *cert)
{
    return bytes_same(cert->algorithm_inner, cert->algorithm_outer);
}

static const char *judge_cert_algorithm(struct appraisal *a)
{
    if (!all_certs(a, algorithms_agree)) {
        return "cert-algorithm-mismatch";
    }
    return all_certs(a, cert_is_pss) ? NULL : "cert-not-pss";
}

static const char *judge_pss(struct appraisal *a)
{
    return all_certs(a, cert_pss_fits) ? NULL : "pss-params";
}

static const char *judge_anchor(struct appraisal *a)
{
    return a->root == ROOT_NOT_PINNED ? "ark-not-pinned" : NULL;
}

static const char *judge_platform(struct appraisal *a)
{
    return a->anchor->provider == a->provider ? NULL : "provider-mismatch";
}

static const char *judge_ark_validity(struct appraisal *a)
{
    verdict_expected(&a->found, "%" PRId64 " to %" PRId64, a->ark->not_before, a->ark->not_after);
    verdict_actual(&a->found, "%" PRId64, a->options->now);
    return a->ark->not_before <= a->options->now && a->options->now <= a->ark->not_after
               ? NULL
               : "ark-validity";
}

static const char *judge_ask_key(struct appraisal *a)
{
    return cert_key_is_rsa4096(a->ask) ? NULL : "ask-key";
}

static const char *judge_ask_signature(struct appraisal *a)
{
    return memo_signed_by(a->options->memo, a->ask, a->ark) ? NULL : "ask-signature";
}

static const char *judge_ask_constraints(struct appraisal *a)
{
    struct cert_constraints constraints = cert_constraints(a->ask);
    struct cert_usage usage = cert_usage(a->ask);

    if (!constraints.valid || !constraints.critical || !constraints.ca) {
        return "ask-not-ca";
    }
    if (!constraints.has_pathlen || constraints.pathlen != 0) {
        return "ask-pathlen";
    }
    return usage.valid && usage.critical && (usage.bits & CERT_USAGE_CERT_SIGN) != 0
               ? NULL
               : "ask-key-usage";
}

/* A VEK that bears neither name is judged under whichever intermediate it came with (row 41). */
static const char *judge_ask_name(struct appraisal *a)
{
    const char *product = product_info(a->anchor->product)->name;
    char for_vcek[NAME_CAP];
    char for_vlek[NAME_CAP];
    struct bytes name = {0};

    snprintf(for_vcek, sizeof(for_vcek), "SEV-%s", product);
    snprintf(for_vlek, sizeof(for_vlek), "SEV-VLEK-%s", product);
    verdict_expected(&a->found, "%s", a->kind == VEK_VLEK ? for_vlek : for_vcek);
    if (!cert_common_name(a->ask->subject, &name)) {
        return "ask-name";
    }
    rule_text(name, a->found.actual);
    if ((a->kind != VEK_VLEK && rule_is_text(name, for_vcek)) ||
        (a->kind != VEK_VCEK && rule_is_text(name, for_vlek))) {
        return NULL;
    }
    return "ask-name";
}

static const char *judge_validity(struct appraisal *a, const struct cert *cert,
                                  const char *not_yet_valid, const char *expired)
{
    verdict_expected(&a->found, "%" PRId64 " to %" PRId64, cert->not_before, cert->not_after);
    verdict_actual(&a->found, "%" PRId64, a->options->now);
    if (cert->not_before > a->options->now + CLOCK_SKEW_S) {
        return not_yet_valid;
    }
    return a->options->now <= cert->not_after ? NULL : expired;
}

static const char *judge_ask_validity(struct appraisal *a)
{
    return judge_validity(a, a->ask, "ask-not-yet-valid", "ask-expired");
}

static const char *judge_vek_issuer(struct appraisal *a)
{
    return a->vek->issuer.len == a->ask->subject.len &&
                   memcmp(a->vek->issuer.data, a->ask->subject.data, a->vek->issuer.len) == 0
               ? NULL
               : "vek-issuer";
}

static const char *judge_vek_signature(struct appraisal *a)
{
    return memo_signed_by(a->options->memo, a->vek, a->ask) ? NULL : "vek-signature";
}

static const char *judge_vek_validity(struct appraisal *a)
{
    return judge_validity(a, a->vek, "vek-not-yet-valid", "vek-expired");
}

static const char *judge_vek_key(struct appraisal *a)
{
    EVP_PKEY *key = memo_p384_key(a->options->memo, a->vek);

    EVP_PKEY_free(key);
    return key != NULL ? NULL : "vek-key";
}

static const char *judge_vek_leaf(struct appraisal *a)
{
    struct cert_constraints constraints = cert_constraints(a->vek);
    struct cert_usage usage = cert_usage(a->vek);

    if ((constraints.found && !constraints.valid) || constraints.ca) {
        return "vek-is-ca";
    }
    return (usage.found && !usage.valid) || (usage.bits & CERT_USAGE_CERT_SIGN) != 0 ? "vek-is-ca"
                                                                                     : NULL;
}

static const char *judge_vek_name(struct appraisal *a)
{
    return rule_vek_kind(a->vek) == VEK_NAMED_OTHERWISE ? "vek-name" : NULL;
}

// clang-format off
const struct rule rules_chain[] = {
    {21, VERDICT_COLLATERAL_UNAVAILABLE, "certificates at hand", NEEDS_POOL, judge_at_hand},
    {22, VERDICT_CHAIN_INVALID, "certificate size",       NEEDS_POOL, judge_size},
    {23, VERDICT_CHAIN_INVALID, "certificate encoding",   NEEDS_POOL, judge_encoding},
    {24, VERDICT_CHAIN_INVALID, "X.509 version",          NEEDS_POOL, judge_x509_version},
    {25, VERDICT_CHAIN_INVALID, "extensions",             NEEDS_POOL, judge_extensions},
    {26, VERDICT_CHAIN_INVALID, "certificate algorithm",  NEEDS_POOL, judge_cert_algorithm},
    {27, VERDICT_CHAIN_INVALID, "PSS parameters",         NEEDS_POOL, judge_pss},
    {28, VERDICT_CHAIN_INVALID, "anchor",                 NEEDS_ASK, judge_anchor},
    {29, VERDICT_CHAIN_INVALID, "anchor's platform",      NEEDS_ARK | NEEDS_PROVIDER, judge_platform},
    {30, VERDICT_CHAIN_INVALID, "ARK validity",           NEEDS_ARK, judge_ark_validity},
    {31, VERDICT_CHAIN_INVALID, "ASK key",                NEEDS_ASK, judge_ask_key},
    {32, VERDICT_CHAIN_INVALID, "ASK signature",          NEEDS_ASK | NEEDS_ARK, judge_ask_signature},
    {33, VERDICT_CHAIN_INVALID, "ASK constraints",        NEEDS_ASK, judge_ask_constraints},
    {34, VERDICT_CHAIN_INVALID, "ASK name",               NEEDS_ASK | NEEDS_ARK, judge_ask_name},
    {35, VERDICT_CHAIN_INVALID, "ASK validity",           NEEDS_ASK, judge_ask_validity},
    {36, VERDICT_CHAIN_INVALID, "VEK issuer",             NEEDS_VEK | NEEDS_ASK, judge_vek_issuer},
    {37, VERDICT_CHAIN_INVALID, "VEK signature",          NEEDS_VEK | NEEDS_ASK, judge_vek_signature},
    {38, VERDICT_CHAIN_INVALID, "VEK validity",           NEEDS_VEK, judge_vek_validity},
    {39, VERDICT_CHAIN_INVALID, "VEK key",                NEEDS_VEK, judge_vek_key},
    {40, VERDICT_CHAIN_INVALID, "VEK is a leaf",          NEEDS_VEK, judge_vek_leaf},
    {41, VERDICT_CHAIN_INVALID, "VEK name",               NEEDS_VEK, judge_vek_name},
};
// clang-format on
const size_t rules_chain_len = sizeof(rules_chain) / sizeof(rules_chain[0]);
