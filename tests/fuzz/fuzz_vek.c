/*
 * Fuzz: the extensions of a VEK, and what rows 42 to 54 make of them.  In front of the content of
 * Extensions: a byte for product, kind of key and report version, and the report's REPORTED_TCB and
 * CHIP_ID.
 */
#include <assert.h>
#include <string.h>

#include "attest/rule.h"
#include "tests/fuzz/fuzz.h"

#define CHOICES 1
#define CHIP_AT (CHOICES + TCB_LEN)
#define CHIP_LEN 64
#define EXTENSIONS_AT (CHIP_AT + CHIP_LEN)

#define NAME(text) "\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08" text

static void put(uint8_t report[static REPORT_LEN], enum report_field field, const uint8_t *from)
{
    const struct report_field_info *info = report_field_info(field);

    memcpy(report + info->offset, from, info->len);
}

static unsigned known(const struct appraisal *a)
{
    return NEEDS_REPORT | NEEDS_VEK | NEEDS_ARK | (a->layout_known ? NEEDS_LAYOUT : 0U) |
           (a->spl_known ? NEEDS_SPL : 0U) | (a->hwid_known ? NEEDS_HWID : 0U);
}

/* True if all rows hold. */
static bool walk(struct appraisal *a)
{
    bool holds = true;

    for (size_t i = 0; i < rules_vek_len; i++) {
        if ((rules_vek[i].needs & ~known(a)) != 0) {
            assert(!holds); /* what a row needs, an earlier one gave or refused */
        } else {
            holds = rules_vek[i].judge(a) == NULL && holds;
        }
    }
    return holds;
}

static void check_accepted(const struct appraisal *a)
{
    struct bytes csp = {0};

    assert(a->layout_known && a->spl_known && a->hwid_known && !a->fields.spl_unknown);
    assert(memcmp(report_bytes(a->report, REPORT_REPORTED_TCB).data, a->spl, TCB_LEN) == 0);
    if (rule_vek_kind(a->vek) == VEK_VLEK) {
        assert(a->fields.hwid.data == NULL && vek_text(a->fields.csp, &csp));
        assert(csp.len >= 1 && csp.len <= 255);
    } else {
        assert(a->fields.csp.data == NULL && a->fields.hwid.len == tcb_hwid_len(a->layout));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char vcek[] = NAME("SEV-VCEK");
    static const char vlek[] = NAME("SEV-VLEK");
    uint8_t report[REPORT_LEN] = {0};
    struct anchor anchor = {.provider = PROVIDER_SEV_GUEST};
    struct appraisal a = {.report = {report}, .anchor = &anchor};
    struct cert cert = {0};

    if (len < EXTENSIONS_AT) {
        return 0;
    }
    anchor.product = (enum product)(data[0] & 3);
    cert.subject =
        (struct bytes){(const uint8_t *)((data[0] & 4) != 0 ? vlek : vcek), sizeof(vcek) - 1};
    cert.extensions = (struct bytes){data + EXTENSIONS_AT, len - EXTENSIONS_AT};
    report[report_field_info(REPORT_VERSION)->offset] = 2; /* the anchor's word for the product */
    report[report_field_info(REPORT_KEY_INFO)->offset] = (data[0] & 8) != 0 ? 4 : 0; /* a VLEK */
    put(report, REPORT_REPORTED_TCB, data + CHOICES);
    put(report, REPORT_CHIP_ID, data + CHIP_AT);
    assert(rule_vek_kind(&cert) != VEK_NAMED_OTHERWISE);
    a.vek = &cert;
    a.fields = vek_read(&cert);
    assert(vek_looks_like(&cert) || a.fields.hwid.data == NULL);
    if (walk(&a)) {
        check_accepted(&a);
    }
    return 0;
}
