/*
 * Rule: rows 10 to 20, the fields of the report that hold for every product.
 */
#include "attest/rule.h"

#include <inttypes.h>
#include <string.h>

#define VMPL_HOST 0xffffffffU /* the host asked for this report */
#define VMPL_MAX 3
#define SIGNATURE_ALGO_P384 1
#define POLICY_RESERVED (~UINT64_C(0) << 26)
#define KEY_INFO_RESERVED 0xffffffe0U

/* A range of bytes that must be zero in the given report versions. */
struct zero_range {
    uint16_t from;
    uint16_t to; /* excluded */
    uint8_t version_min;
    uint8_t version_max;
    const char *slug;
};

static bool is_zero(struct report report, size_t from, size_t to)
{
    uint8_t any = 0;

    for (size_t i = from; i < to; i++) {
        any |= report.data[i];
    }
    return any == 0;
}

static const char *judge_zero(struct appraisal *a, const struct zero_range *ranges, size_t num)
{
    uint64_t version = report_uint(a->report, REPORT_VERSION);

    for (size_t i = 0; i < num; i++) {
        const struct zero_range *range = &ranges[i];

        if (version >= range->version_min && version <= range->version_max &&
            !is_zero(a->report, range->from, range->to)) {
            verdict_expected(&a->found, "zero in 0x%03x..0x%03x", range->from, range->to - 1U);
            return range->slug;
        }
    }
    return NULL;
}

static const char *judge_version(struct appraisal *a)
{
    uint64_t version = report_uint(a->report, REPORT_VERSION);

    verdict_expected(&a->found, "%d to %d%s", REPORT_VERSION_MIN, REPORT_VERSION_MAX,
                     version > REPORT_VERSION_MAX ? " (update liftgate for later ones)" : "");
    verdict_actual(&a->found, "%" PRIu64, version);
    return version >= REPORT_VERSION_MIN && version <= REPORT_VERSION_MAX ? NULL
                                                                          : "version-unsupported";
}

static const char *judge_algorithm(struct appraisal *a)
{
    verdict_expected(&a->found, "%d", SIGNATURE_ALGO_P384);
    verdict_actual(&a->found, "%" PRIu64, report_uint(a->report, REPORT_SIGNATURE_ALGO));
    return report_uint(a->report, REPORT_SIGNATURE_ALGO) == SIGNATURE_ALGO_P384
               ? NULL
               : "signature-algorithm";
}

static const char *judge_vmpl(struct appraisal *a)
{
    uint64_t vmpl = report_uint(a->report, REPORT_VMPL);

    verdict_expected(&a->found, "0 to %d", VMPL_MAX);
    verdict_actual(&a->found, "%" PRIu64, vmpl);
    if (vmpl == VMPL_HOST) {
        return "host-requested";
    }
    return vmpl <= VMPL_MAX ? NULL : "vmpl-range";
}

static const char *judge_policy(struct appraisal *a)
{
    uint64_t policy = report_uint(a->report, REPORT_POLICY);

    verdict_actual(&a->found, "0x%" PRIx64, policy);
    if ((policy & REPORT_POLICY_ONE) == 0) {
        return "policy-bit17";
    }
    return (policy & POLICY_RESERVED) == 0 ? NULL : "policy-reserved";
}

static const char *judge_key_info(struct appraisal *a)
{
    verdict_actual(&a->found, "0x%" PRIx64, report_uint(a->report, REPORT_KEY_INFO));
    return (report_uint(a->report, REPORT_KEY_INFO) & KEY_INFO_RESERVED) == 0 ? NULL
                                                                              : "key-info-reserved";
}

static const char *judge_signing_key(struct appraisal *a)
{
    unsigned key = (unsigned)report_signing_key(a->report);

    verdict_expected(&a->found, "0 or 1");
    verdict_actual(&a->found, "%u", key);
    if (key == SIGNING_KEY_NONE) {
        return "signing-key-none";
    }
    return key <= SIGNING_KEY_VLEK ? NULL : "signing-key-reserved";
}

static const char *judge_chip_key(struct appraisal *a)
{
    return report_chip_key_masked(a->report) ? "chip-key-masked" : NULL;
}

static const char *judge_reserved(struct appraisal *a)
{
    static const struct zero_range ranges[] = {
        {0x04c, 0x050, 2, 5, "reserved-04c"},
        {0x1eb, 0x1ec, 2, 5, "reserved-1eb"},
        {0x1ef, 0x1f0, 2, 5, "reserved-1ef"},
        {0x208, 0x2a0, 2, 5, "reserved-208"},
    };

    return judge_zero(a, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

static const char *judge_reserved_by_version(struct appraisal *a)
{
    /* Which fields version 4 fills behind 0x1f8 is not known: they are ignored there. */
    static const struct zero_range ranges[] = {
        {0x188, 0x1a0, 2, 2, "reserved-188"},
        {0x18b, 0x1a0, 3, 5, "reserved-18b"},
        {0x1f8, 0x208, 2, 3, "reserved-1f8"},
    };

    return judge_zero(a, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

static const char *judge_signature_padding(struct appraisal *a)
{
    static const struct zero_range ranges[] = {
        {0x2d0, 0x2e8, 0, UINT8_MAX, "signature-r-high"},
        {0x318, 0x330, 0, UINT8_MAX, "signature-s-high"},
        {0x330, 0x4a0, 0, UINT8_MAX, "signature-tail"},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (!is_zero(a->report, ranges[i].from, ranges[i].to)) {
            return ranges[i].slug;
        }
    }
    return NULL;
}

/* 1 to n-1, of a little-endian number; n is the order of P-384. */
static bool in_range(const uint8_t number[static 48])
{
    static const uint8_t order[48] = {
        0x73, 0x29, 0xc5, 0xcc, 0x6a, 0x19, 0xec, 0xec, 0x7a, 0xa7, 0xb0, 0x48,
        0xb2, 0x0d, 0x1a, 0x58, 0xdf, 0x2d, 0x37, 0xf4, 0x81, 0x4d, 0x63, 0xc7,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    uint8_t any = 0;

    for (size_t i = 0; i < sizeof(order); i++) {
        any |= number[i];
    }
    if (any == 0) {
        return false;
    }
    for (size_t i = sizeof(order); i-- > 0;) {
        if (number[i] != order[i]) {
            return number[i] < order[i];
        }
    }
    return false;
}

static const char *judge_signature_range(struct appraisal *a)
{
    return in_range(report_bytes(a->report, REPORT_SIGNATURE_R).data) &&
                   in_range(report_bytes(a->report, REPORT_SIGNATURE_S).data)
               ? NULL
               : "signature-range";
}

// clang-format off
const struct rule rules_report[] = {
    {10, VERDICT_REPORT_INVALID, "report version",       NEEDS_REPORT, judge_version},
    {11, VERDICT_REPORT_INVALID, "signature algorithm",  NEEDS_REPORT, judge_algorithm},
    {12, VERDICT_REPORT_INVALID, "VMPL range",           NEEDS_REPORT, judge_vmpl},
    {13, VERDICT_REPORT_INVALID, "policy bits",          NEEDS_REPORT, judge_policy},
    {14, VERDICT_REPORT_INVALID, "key info bits",        NEEDS_REPORT, judge_key_info},
    {15, VERDICT_REPORT_INVALID, "signing key",          NEEDS_REPORT, judge_signing_key},
    {16, VERDICT_REPORT_INVALID, "chip key",             NEEDS_REPORT, judge_chip_key},
    {17, VERDICT_REPORT_INVALID, "reserved bytes",       NEEDS_REPORT, judge_reserved},
    {18, VERDICT_REPORT_INVALID, "reserved by version",  NEEDS_REPORT, judge_reserved_by_version},
    {19, VERDICT_REPORT_INVALID, "signature padding",    NEEDS_REPORT, judge_signature_padding},
    {20, VERDICT_REPORT_INVALID, "signature range",      NEEDS_REPORT, judge_signature_range},
};
// clang-format on
const size_t rules_report_len = sizeof(rules_report) / sizeof(rules_report[0]);
