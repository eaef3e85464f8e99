/*
 * Report: the table of fields, and the one way from a received report to a verified one.
 */
#include "attest/report.h"

#include <assert.h>

#include <openssl/evp.h>

#include "attest/little_endian.h"
#include "attest/signature.h"

// clang-format off
static const struct report_field_info fields[REPORT_FIELDS] = {
    [REPORT_VERSION]            = {"VERSION",            0x000,  4, 2, true},
    [REPORT_GUEST_SVN]          = {"GUEST_SVN",          0x004,  4, 2, true},
    [REPORT_POLICY]             = {"POLICY",             0x008,  8, 2, true},
    [REPORT_FAMILY_ID]          = {"FAMILY_ID",          0x010, 16, 2, false},
    [REPORT_IMAGE_ID]           = {"IMAGE_ID",           0x020, 16, 2, false},
    [REPORT_VMPL]               = {"VMPL",               0x030,  4, 2, true},
    [REPORT_SIGNATURE_ALGO]     = {"SIGNATURE_ALGO",     0x034,  4, 2, true},
    [REPORT_CURRENT_TCB]        = {"CURRENT_TCB",        0x038,  8, 2, false},
    [REPORT_PLATFORM_INFO]      = {"PLATFORM_INFO",      0x040,  8, 2, true},
    [REPORT_KEY_INFO]           = {"KEY_INFO",           0x048,  4, 2, true},
    [REPORT_REPORT_DATA]        = {"REPORT_DATA",        0x050, 64, 2, false},
    [REPORT_MEASUREMENT]        = {"MEASUREMENT",        0x090, 48, 2, false},
    [REPORT_HOST_DATA]          = {"HOST_DATA",          0x0c0, 32, 2, false},
    [REPORT_ID_KEY_DIGEST]      = {"ID_KEY_DIGEST",      0x0e0, 48, 2, false},
    [REPORT_AUTHOR_KEY_DIGEST]  = {"AUTHOR_KEY_DIGEST",  0x110, 48, 2, false},
    [REPORT_REPORT_ID]          = {"REPORT_ID",          0x140, 32, 2, false},
    [REPORT_REPORT_ID_MA]       = {"REPORT_ID_MA",       0x160, 32, 2, false},
    [REPORT_REPORTED_TCB]       = {"REPORTED_TCB",       0x180,  8, 2, false},
    [REPORT_CPUID_FAMILY]       = {"CPUID_FAM_ID",       0x188,  1, 3, true},
    [REPORT_CPUID_MODEL]        = {"CPUID_MOD_ID",       0x189,  1, 3, true},
    [REPORT_CPUID_STEPPING]     = {"CPUID_STEP",         0x18a,  1, 3, true},
    [REPORT_CHIP_ID]            = {"CHIP_ID",            0x1a0, 64, 2, false},
    [REPORT_COMMITTED_TCB]      = {"COMMITTED_TCB",      0x1e0,  8, 2, false},
    [REPORT_CURRENT_BUILD]      = {"CURRENT_BUILD",      0x1e8,  1, 2, true},
    [REPORT_CURRENT_MINOR]      = {"CURRENT_MINOR",      0x1e9,  1, 2, true},
    [REPORT_CURRENT_MAJOR]      = {"CURRENT_MAJOR",      0x1ea,  1, 2, true},
    [REPORT_COMMITTED_BUILD]    = {"COMMITTED_BUILD",    0x1ec,  1, 2, true},
    [REPORT_COMMITTED_MINOR]    = {"COMMITTED_MINOR",    0x1ed,  1, 2, true},
    [REPORT_COMMITTED_MAJOR]    = {"COMMITTED_MAJOR",    0x1ee,  1, 2, true},
    [REPORT_LAUNCH_TCB]         = {"LAUNCH_TCB",         0x1f0,  8, 2, false},
    [REPORT_LAUNCH_MIT_VECTOR]  = {"LAUNCH_MIT_VECTOR",  0x1f8,  8, 5, true},
    [REPORT_CURRENT_MIT_VECTOR] = {"CURRENT_MIT_VECTOR", 0x200,  8, 5, true},
    [REPORT_SIGNATURE_R]        = {"SIGNATURE_R",        0x2a0, 72, 2, false},
    [REPORT_SIGNATURE_S]        = {"SIGNATURE_S",        0x2e8, 72, 2, false},
};
// clang-format on

const struct report_field_info *report_field_info(enum report_field field)
{
    assert(field < REPORT_FIELDS);
    return &fields[field];
}

bool report_over(struct bytes bytes, struct report *out_report)
{
    if (bytes.data == NULL || bytes.len != REPORT_LEN) {
        return false;
    }
    *out_report = (struct report){.data = bytes.data};
    return true;
}

struct bytes report_bytes(struct report report, enum report_field field)
{
    const struct report_field_info *info = report_field_info(field);

    return (struct bytes){report.data + info->offset, info->len};
}

uint64_t report_uint(struct report report, enum report_field field)
{
    const struct report_field_info *info = report_field_info(field);

    assert(info->number);
    return little_endian_read(report.data + info->offset, info->len);
}

enum report_signing_key report_signing_key(struct report report)
{
    return (enum report_signing_key)(report_uint(report, REPORT_KEY_INFO) >> 2 & 7);
}

bool report_author_key_enabled(struct report report)
{
    return (report_uint(report, REPORT_KEY_INFO) & 1) != 0;
}

bool report_chip_key_masked(struct report report)
{
    return (report_uint(report, REPORT_KEY_INFO) & 2) != 0;
}

bool report_chip_known(struct report report)
{
    struct bytes chip = report_bytes(report, REPORT_CHIP_ID);
    uint8_t any = 0;

    for (size_t i = 0; i < chip.len; i++) {
        any |= chip.data[i];
    }
    return any != 0;
}

bool report_id(struct report report, uint8_t out_id[static 48])
{
    return EVP_Digest(report.data, REPORT_SIGNED_LEN, out_id, NULL, EVP_sha384(), NULL) == 1;
}

bool report_authenticate(struct report report, EVP_PKEY *vek, struct verified_report *out_verified)
{
    if (!signature_holds(vek, (struct bytes){report.data, REPORT_SIGNED_LEN},
                         report.data + REPORT_SIGNED_LEN)) {
        return false;
    }
    *out_verified = (struct verified_report){.report = report};
    return true;
}
