/*
 * Inspect: the fields of an ATTESTATION_REPORT that are the guest's and the signature's.  What they
 * must hold is attest/rule_report.c; here is only what they mean.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/inspect.h"
#include "attest/inspect_field.h"
#include "attest/inspect_machine.h"
#include "attest/report.h"

// clang-format off
static const struct inspect_bit policy_bits[] = {
    {16, "SMT",                "allowed",           "not allowed",         true,  SHEET_PLAIN},
    {17, "always 1",           "as it must be",     "must be 1",           false, SHEET_DANGER},
    {18, "MIGRATE_MA",         "a migration agent may move this guest",    "no migration agent", true, SHEET_DANGER},
    {19, "DEBUG",              "the host may read and change the guest's memory", "no debugging by the host", true, SHEET_DANGER},
    {20, "SINGLE_SOCKET",      "one socket only",   "several sockets allowed", true, SHEET_PLAIN},
    {21, "CXL_ALLOW",          "CXL memory allowed", "no CXL memory",      true,  SHEET_NOTE},
    {22, "MEM_AES_256_XTS",    "required",          "not required",        true,  SHEET_PLAIN},
    {23, "RAPL_DIS",           "power readings must be off", "power readings allowed", true, SHEET_PLAIN},
    {24, "CIPHERTEXT_HIDING",  "required",          "not required",        true,  SHEET_PLAIN},
    {25, "PAGE_SWAP_DISABLE",  "required",          "not required",        true,  SHEET_PLAIN},
};
// clang-format on

#define KEY_INFO_KNOWN UINT64_C(0x1f)

static void put_policy(struct sheet *sheet, struct report report)
{
    const struct sheet_line line = inspect_field_line(
        REPORT_POLICY, "what the guest's owner demanded at launch; enforced by firmware");
    uint64_t policy = report_uint(report, REPORT_POLICY);

    sheet_line(sheet, &line, "0x%" PRIx64, policy);
    sheet_put(sheet, "  ABI", "least firmware interface that may run this guest", "%u.%u",
              (unsigned)(policy >> 8 & 0xff), (unsigned)(policy & 0xff));
    inspect_field_bits(sheet, policy, policy_bits, sizeof(policy_bits) / sizeof(policy_bits[0]));
    inspect_field_unknown(sheet, policy, REPORT_POLICY_KNOWN);
}

static void put_vmpl(struct sheet *sheet, struct report report)
{
    uint64_t vmpl = report_uint(report, REPORT_VMPL);
    struct sheet_line line = inspect_field_line(
        REPORT_VMPL, "privilege level that asked for this report; 0 is the highest");

    if (vmpl == UINT32_MAX) {
        line.mark = SHEET_DANGER;
        line.meaning = "the HOST asked for this report: REPORT_DATA is the host's, not the guest's";
    } else if (vmpl > 3) {
        line.mark = SHEET_DANGER;
        line.meaning = "there is no such privilege level";
    } else if (vmpl > 0) {
        line.mark = SHEET_NOTE;
        line.meaning = "not the most privileged code of the guest asked for this report";
    }
    sheet_line(sheet, &line, "%" PRIu64, vmpl);
}

static void put_key_info(struct sheet *sheet, struct report report)
{
    const struct sheet_line line = inspect_field_line(REPORT_KEY_INFO, "which keys are involved");
    struct sheet_line key = {.name = "  SIGNING_KEY", .offset = SHEET_NO_OFFSET};
    struct sheet_line mask = {.name = "  MASK_CHIP_KEY", .offset = SHEET_NO_OFFSET};
    uint64_t info = report_uint(report, REPORT_KEY_INFO);
    unsigned signing = (unsigned)report_signing_key(report);

    sheet_line(sheet, &line, "0x%" PRIx64, info);
    sheet_put(sheet, "  AUTHOR_KEY_EN", "whether AUTHOR_KEY_DIGEST counts", "%s",
              report_author_key_enabled(report) ? "yes" : "no");
    if (report_chip_key_masked(report)) {
        mask.mark = SHEET_DANGER;
        mask.meaning = "the report is not signed by the chip's key";
    }
    sheet_line(sheet, &mask, "%s", report_chip_key_masked(report) ? "yes" : "no");
    if (signing == SIGNING_KEY_VCEK) {
        key.meaning = "VCEK: key of this one chip";
    } else if (signing == SIGNING_KEY_VLEK) {
        key.meaning = "VLEK: key of a cloud provider, names no chip";
    } else {
        key.mark = SHEET_DANGER;
        key.meaning = signing == SIGNING_KEY_NONE ? "the report is not signed" : "reserved value";
    }
    sheet_line(sheet, &key, "%u", signing);
    inspect_field_unknown(sheet, info, KEY_INFO_KNOWN);
}

static void put_guest(struct sheet *sheet, struct report report)
{
    struct bytes agent = report_bytes(report, REPORT_REPORT_ID_MA);
    const struct sheet_line agent_line =
        inspect_field_line(REPORT_REPORT_ID_MA, inspect_field_is_all(agent, 0xff)
                                                    ? "no migration agent"
                                                    : "REPORT_ID of its migration agent");

    sheet_section(sheet, "Guest");
    inspect_field_bytes(sheet, report, REPORT_MEASUREMENT,
                        "digest of the memory the guest started with", "no measurement");
    inspect_field_bytes(sheet, report, REPORT_REPORT_DATA,
                        "64 bytes the guest chose: nonce and key",
                        "the guest bound nothing to this report");
    inspect_field_bytes(sheet, report, REPORT_HOST_DATA,
                        "what the host said at launch; proof of nothing else", "none");
    put_vmpl(sheet, report);
    put_policy(sheet, report);
    inspect_field_number(sheet, report, REPORT_GUEST_SVN, "security version, from the ID block");
    inspect_field_bytes(sheet, report, REPORT_FAMILY_ID, "from the ID block",
                        "no ID block, or zero in it");
    inspect_field_bytes(sheet, report, REPORT_IMAGE_ID, "from the ID block",
                        "no ID block, or zero in it");
    inspect_field_bytes(sheet, report, REPORT_ID_KEY_DIGEST, "the key that signed the ID block",
                        "no ID block");
    inspect_field_bytes(sheet, report, REPORT_AUTHOR_KEY_DIGEST,
                        report_author_key_enabled(report) ? "the key that signed the ID key"
                                                          : "does not count: AUTHOR_KEY_EN is 0",
                        "no author key");
    inspect_field_bytes(sheet, report, REPORT_REPORT_ID,
                        "this guest instance, for as long as it lives", "none");
    sheet_hex(sheet, &agent_line, agent);
}

/* What no field of this version covers must be zero.  What version 4 has behind 0x1f8 is not known.
 */
static void put_reserved(struct sheet *sheet, struct report report)
{
    struct sheet_line line = {
        .name = "reserved bytes", .offset = SHEET_NO_OFFSET, .meaning = "zero, as they must be"};
    uint64_t version = report_uint(report, REPORT_VERSION);
    bool covered[REPORT_LEN] = {false};

    for (enum report_field field = 0; field < REPORT_FIELDS; field++) {
        const struct report_field_info *info = report_field_info(field);

        if (info->version_min <= version || (version == 4 && info->version_min == 5)) {
            memset(covered + info->offset, true, info->len);
        }
    }
    for (size_t i = 0; i < REPORT_LEN; i++) {
        if (!covered[i] && report.data[i] != 0) {
            line.offset = (int)i;
            line.mark = SHEET_DANGER;
            line.meaning = "not zero, and nobody here knows what it means";
            sheet_line(sheet, &line, "0x%02x", report.data[i]);
            return;
        }
    }
    sheet_line(sheet, &line, "0");
}

static void put_version(struct sheet *sheet, struct report report)
{
    struct sheet_line line =
        inspect_field_line(REPORT_VERSION, "format of the report; 2 to 5 are known");
    uint64_t version = report_uint(report, REPORT_VERSION);

    if (version < REPORT_VERSION_MIN || version > REPORT_VERSION_MAX) {
        line.mark = SHEET_DANGER;
        line.meaning = "not a format known here (2 to 5): what follows may mean something else";
    }
    sheet_line(sheet, &line, "%" PRIu64, version);
}

static void put_algorithm(struct sheet *sheet, struct report report)
{
    struct sheet_line line = inspect_field_line(REPORT_SIGNATURE_ALGO, "ECDSA P-384 with SHA-384");
    uint64_t algorithm = report_uint(report, REPORT_SIGNATURE_ALGO);

    if (algorithm != 1) {
        line.mark = SHEET_DANGER;
        line.meaning = "not 1, ECDSA P-384 with SHA-384";
    }
    sheet_line(sheet, &line, "%" PRIu64, algorithm);
}

void inspect_report(struct sheet *sheet, struct bytes bytes)
{
    const struct sheet_line wrong = {.name = "length",
                                     .offset = SHEET_NO_OFFSET,
                                     .mark = SHEET_DANGER,
                                     .meaning = "a report has 1184"};
    uint8_t id[48];
    struct report report;

    sheet_section(sheet, "Attestation report (AMD SEV-SNP)");
    if (!report_over(bytes, &report)) {
        sheet_line(sheet, &wrong, "%zu bytes", bytes.len);
        return;
    }
    put_version(sheet, report);
    put_algorithm(sheet, report);
    put_key_info(sheet, report);
    inspect_field_bytes(sheet, report, REPORT_SIGNATURE_R, "little-endian", "not signed");
    inspect_field_bytes(sheet, report, REPORT_SIGNATURE_S, "little-endian", "not signed");
    if (report_id(report, id)) {
        const struct sheet_line line = {.name = "evidence id",
                                        .offset = SHEET_NO_OFFSET,
                                        .meaning = "SHA-384 of the signed bytes"};

        sheet_hex(sheet, &line, (struct bytes){id, sizeof(id)});
    }
    put_reserved(sheet, report);
    put_guest(sheet, report);
    inspect_machine(sheet, report);
}
