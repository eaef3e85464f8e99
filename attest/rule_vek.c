/*
 * Rule: rows 42 to 54, the VEK's extensions against the product and the report.
 *
 * They come before the signature, so that the answer to "this VEK did not sign it" is which of
 * product, key kind, TCB component or chip differs.
 */
#include "attest/rule.h"

#include <inttypes.h>
#include <string.h>

#include "attest/product.h"

static bool has_cpuid(const struct appraisal *a)
{
    return report_uint(a->report, REPORT_VERSION) >=
           report_field_info(REPORT_CPUID_FAMILY)->version_min;
}

/* True and the product if the report says a known one. */
static bool find_product(struct appraisal *a, enum product *out_product)
{
    unsigned family = (unsigned)report_uint(a->report, REPORT_CPUID_FAMILY);
    unsigned model = (unsigned)report_uint(a->report, REPORT_CPUID_MODEL);

    verdict_actual(&a->found, "family %02x model %02x", family, model);
    return product_by_cpuid(family, model, out_product);
}

static const char *judge_cpuid(struct appraisal *a)
{
    enum product product;

    return !has_cpuid(a) || find_product(a, &product) ? NULL : "product-unknown";
}

static const char *judge_product(struct appraisal *a)
{
    enum product product;

    verdict_expected(&a->found, "%s", product_name(a->anchor->product));
    if (!has_cpuid(a) || !find_product(a, &product) || product == a->anchor->product) {
        return NULL; /* row 42 answers for an unknown one */
    }
    verdict_actual(&a->found, "%s", product_name(product));
    return "product-mismatch";
}

static const char *judge_struct_version(struct appraisal *a)
{
    const struct product_info *info = product_info(a->anchor->product);
    uint8_t number = 0;

    if (info->layout_min == info->layout_max) {
        a->layout = info->layout_min;
        a->layout_known = true;
    }
    verdict_expected(&a->found, "%u", info->layout_max);
    if (a->fields.struct_version.data == NULL || !vek_uint8(a->fields.struct_version, &number)) {
        return "vek-struct-version";
    }
    verdict_actual(&a->found, "%u", number);
    if (number < info->layout_min || number > info->layout_max) {
        return "vek-struct-version";
    }
    a->layout = number;
    a->layout_known = true;
    return NULL;
}

static const char *judge_product_name(struct appraisal *a)
{
    struct bytes text;

    verdict_expected(&a->found, "%s", product_info(a->anchor->product)->name);
    return a->fields.product_name.data != NULL && vek_text(a->fields.product_name, &text) &&
                   product_name_fits(a->anchor->product, text)
               ? NULL
               : "vek-product-name";
}

static const char *judge_spl_values(struct appraisal *a)
{
    for (unsigned spl = 1; spl <= TCB_SPL_MAX; spl++) {
        uint8_t number = 0;

        if (a->fields.spl[spl].data != NULL && !vek_uint8(a->fields.spl[spl], &number)) {
            verdict_actual(&a->found, "extension 3.%u", spl);
            return "vek-spl-malformed";
        }
    }
    return NULL;
}

static bool in_layout(unsigned layout, unsigned spl)
{
    for (size_t i = 0; i < TCB_LEN; i++) {
        if (tcb_spl(layout, i) == spl) {
            return true;
        }
    }
    return false;
}

static const char *judge_spl_set(struct appraisal *a)
{
    bool readable = true;

    for (unsigned spl = 1; spl <= TCB_SPL_MAX; spl++) {
        bool present = a->fields.spl[spl].data != NULL;

        verdict_actual(&a->found, "extension 3.%u", spl);
        if (in_layout(a->layout, spl) != present) {
            return present ? "vek-spl-unexpected" : "vek-spl-missing";
        }
    }
    if (a->fields.spl_unknown) {
        verdict_actual(&a->found, "an unknown extension below 3");
        return "vek-spl-unexpected";
    }
    for (size_t i = 0; i < TCB_LEN; i++) {
        readable = vek_uint8(a->fields.spl[tcb_spl(a->layout, i)], &a->spl[i]) && readable;
    }
    a->spl_known = readable; /* row 46 answers for one that is not */
    return NULL;
}

static const char *judge_hwid(struct appraisal *a)
{
    if (rule_vek_kind(a->vek) != VEK_VLEK) {
        verdict_expected(&a->found, "%zu bytes", tcb_hwid_len(a->layout));
        verdict_actual(&a->found, "%zu bytes", a->fields.hwid.len);
        if (a->fields.hwid.data == NULL) {
            return "vek-hwid-missing";
        }
        if (a->fields.hwid.len != tcb_hwid_len(a->layout)) {
            return "vek-hwid-length";
        }
    }
    a->hwid_known = true;
    return NULL;
}

static const char *judge_csp(struct appraisal *a)
{
    struct bytes text;

    if (a->fields.hwid.data != NULL && a->fields.csp.data != NULL) {
        return "vek-id-conflict";
    }
    if (rule_vek_kind(a->vek) != VEK_VLEK) {
        return NULL;
    }
    return a->fields.csp.data != NULL && vek_text(a->fields.csp, &text) && text.len >= 1 &&
                   text.len <= 255
               ? NULL
               : "vek-csp-missing";
}

static const char *judge_kind(struct appraisal *a)
{
    enum vek_kind kind = rule_vek_kind(a->vek);
    enum report_signing_key key = report_signing_key(a->report);

    verdict_expected(&a->found, "%s", key == SIGNING_KEY_VLEK ? "VLEK" : "VCEK");
    verdict_actual(&a->found, "%s", kind == VEK_VLEK ? "VLEK" : "VCEK");
    return (key == SIGNING_KEY_VCEK && kind == VEK_VCEK) ||
                   (key == SIGNING_KEY_VLEK && kind == VEK_VLEK)
               ? NULL
               : "vek-kind-mismatch";
}

static const char *judge_tcb(struct appraisal *a)
{
    const uint8_t *reported = report_bytes(a->report, REPORT_REPORTED_TCB).data;

    for (size_t i = 0; i < TCB_LEN; i++) {
        enum tcb_component component;
        const char *name = "reserved byte";

        if (reported[i] == a->spl[i]) {
            continue;
        }
        if (tcb_component(a->layout, i, &component)) {
            name = tcb_component_name(component);
        }
        verdict_expected(&a->found, "%s %u", name, reported[i]);
        verdict_actual(&a->found, "%s %u", name, a->spl[i]);
        return "vek-tcb-mismatch";
    }
    return NULL;
}

static const char *judge_chip(struct appraisal *a)
{
    struct bytes chip = report_bytes(a->report, REPORT_CHIP_ID);

    if (rule_vek_kind(a->vek) == VEK_VLEK || !report_chip_known(a->report)) {
        return NULL;
    }
    chip.len = tcb_hwid_len(a->layout);
    verdict_hex(chip, a->found.expected);
    verdict_hex(a->fields.hwid, a->found.actual);
    return memcmp(chip.data, a->fields.hwid.data, chip.len) == 0 ? NULL : "vek-chip-mismatch";
}

static const char *judge_chip_tail(struct appraisal *a)
{
    struct bytes chip = report_bytes(a->report, REPORT_CHIP_ID);

    for (size_t i = tcb_hwid_len(a->layout); i < chip.len; i++) {
        if (chip.data[i] != 0) {
            return "chip-id-tail";
        }
    }
    return NULL;
}

static const char *judge_tcb_reserved(struct appraisal *a)
{
    static const enum report_field tcbs[] = {
        REPORT_CURRENT_TCB,
        REPORT_REPORTED_TCB,
        REPORT_COMMITTED_TCB,
        REPORT_LAUNCH_TCB,
    };

    for (size_t i = 0; i < sizeof(tcbs) / sizeof(tcbs[0]); i++) {
        for (size_t j = 0; j < TCB_LEN; j++) {
            enum tcb_component component;

            if (!tcb_component(a->layout, j, &component) &&
                report_bytes(a->report, tcbs[i]).data[j] != 0) {
                verdict_actual(&a->found, "%s byte %zu", report_field_info(tcbs[i])->name, j);
                return "tcb-reserved";
            }
        }
    }
    return NULL;
}

#define NEEDS_FIELDS (NEEDS_VEK | NEEDS_ARK)
#define NEEDS_BOTH (NEEDS_VEK | NEEDS_REPORT)

// clang-format off
const struct rule rules_vek[] = {
    {42, VERDICT_PLATFORM_UNSUPPORTED, "product by CPUID", NEEDS_REPORT, judge_cpuid},
    {43, VERDICT_CHAIN_INVALID, "product by chain",   NEEDS_REPORT | NEEDS_ARK, judge_product},
    {44, VERDICT_CHAIN_INVALID, "structVersion",      NEEDS_FIELDS, judge_struct_version},
    {45, VERDICT_CHAIN_INVALID, "productName",        NEEDS_FIELDS, judge_product_name},
    {46, VERDICT_CHAIN_INVALID, "SPL values",         NEEDS_VEK, judge_spl_values},
    {47, VERDICT_CHAIN_INVALID, "SPL set",            NEEDS_VEK | NEEDS_LAYOUT, judge_spl_set},
    {48, VERDICT_CHAIN_INVALID, "hwID",               NEEDS_VEK | NEEDS_LAYOUT, judge_hwid},
    {49, VERDICT_CHAIN_INVALID, "cspID",              NEEDS_VEK, judge_csp},
    {50, VERDICT_CHAIN_INVALID, "key kind",           NEEDS_BOTH, judge_kind},
    {51, VERDICT_CHAIN_INVALID, "TCB",                NEEDS_BOTH | NEEDS_LAYOUT | NEEDS_SPL, judge_tcb},
    {52, VERDICT_CHAIN_INVALID, "chip",               NEEDS_BOTH | NEEDS_LAYOUT | NEEDS_HWID, judge_chip},
    {53, VERDICT_REPORT_INVALID, "CHIP_ID tail",      NEEDS_REPORT | NEEDS_LAYOUT, judge_chip_tail},
    {54, VERDICT_REPORT_INVALID, "TCB reserved bytes", NEEDS_REPORT | NEEDS_LAYOUT, judge_tcb_reserved},
};
// clang-format on
const size_t rules_vek_len = sizeof(rules_vek) / sizeof(rules_vek[0]);
