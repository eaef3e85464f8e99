/*
 * Inspect: the fields of an ATTESTATION_REPORT.  What they must hold is attest/rule_report.c; here
 * is only what they mean.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/inspect.h"
#include "attest/product.h"
#include "attest/report.h"

/* What a bit says to a reader: `mark` counts when the bit is in the state `marked_when`. */
struct bit {
    unsigned bit;
    const char *name;
    const char *set;
    const char *clear;
    bool marked_when;
    enum sheet_mark mark;
};

// clang-format off
static const struct bit policy_bits[] = {
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

static const struct bit platform_bits[] = {
    {0, "SMT_EN",              "hyper-threading on", "off",                true,  SHEET_PLAIN},
    {1, "TSME_EN",             "all memory encrypted", "off",              true,  SHEET_PLAIN},
    {2, "ECC_EN",              "ECC memory",        "no ECC memory",       false, SHEET_NOTE},
    {3, "RAPL_DIS",            "power readings off", "power readings on",  true,  SHEET_PLAIN},
    {4, "CIPHERTEXT_HIDING",   "ciphertext hidden from the host", "off",   true,  SHEET_PLAIN},
    {5, "ALIAS_CHECK_COMPLETE", "memory checked for aliases", "not checked (AMD-SB-3015)", false, SHEET_NOTE},
    {6, "IOMMU_WRITE_SAFE",    "yes",               "no",                  true,  SHEET_PLAIN},
    {7, "TIO_EN",              "trusted I/O on",    "off",                 true,  SHEET_PLAIN},
};
// clang-format on

#define POLICY_KNOWN UINT64_C(0x3ffffff)
#define PLATFORM_KNOWN UINT64_C(0xff)
#define KEY_INFO_KNOWN UINT64_C(0x1f)

static struct sheet_line line_of(enum report_field field, const char *meaning)
{
    const struct report_field_info *info = report_field_info(field);

    return (struct sheet_line){.name = info->name, .offset = info->offset, .meaning = meaning};
}

static void put_number(struct sheet *sheet, struct report report, enum report_field field,
                       const char *meaning)
{
    const struct sheet_line line = line_of(field, meaning);

    sheet_line(sheet, &line, "%" PRIu64, report_uint(report, field));
}

static bool is_all(struct bytes bytes, uint8_t value)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != value) {
            return false;
        }
    }
    return true;
}

/* Hexadecimal, with other words where it is all zero. */
static void put_bytes(struct sheet *sheet, struct report report, enum report_field field,
                      const char *meaning, const char *if_zero)
{
    struct bytes bytes = report_bytes(report, field);
    struct sheet_line line = line_of(field, is_all(bytes, 0) ? if_zero : meaning);

    sheet_hex(sheet, &line, bytes);
}

static void put_bits(struct sheet *sheet, uint64_t value, const struct bit *bits, size_t num_bits)
{
    for (size_t i = 0; i < num_bits; i++) {
        bool is_set = (value >> bits[i].bit & 1) != 0;
        char name[48];
        struct sheet_line line = {
            .name = name,
            .offset = SHEET_NO_OFFSET,
            .mark = is_set == bits[i].marked_when ? bits[i].mark : SHEET_PLAIN,
            .meaning = is_set ? bits[i].set : bits[i].clear,
        };

        snprintf(name, sizeof(name), "  %s", bits[i].name);
        sheet_line(sheet, &line, "%u (bit %u)", is_set ? 1U : 0U, bits[i].bit);
    }
}

static void put_unknown(struct sheet *sheet, uint64_t value, uint64_t known)
{
    const struct sheet_line line = {.name = "  reserved bits",
                                    .offset = SHEET_NO_OFFSET,
                                    .mark = SHEET_DANGER,
                                    .meaning = "set, and nobody here knows what they mean"};

    if ((value & ~known) != 0) {
        sheet_line(sheet, &line, "0x%" PRIx64, value & ~known);
    }
}

static void put_policy(struct sheet *sheet, struct report report)
{
    const struct sheet_line line =
        line_of(REPORT_POLICY, "what the guest's owner demanded at launch; enforced by firmware");
    uint64_t policy = report_uint(report, REPORT_POLICY);

    sheet_line(sheet, &line, "0x%" PRIx64, policy);
    sheet_put(sheet, "  ABI", "least firmware interface that may run this guest", "%u.%u",
              (unsigned)(policy >> 8 & 0xff), (unsigned)(policy & 0xff));
    put_bits(sheet, policy, policy_bits, sizeof(policy_bits) / sizeof(policy_bits[0]));
    put_unknown(sheet, policy, POLICY_KNOWN);
}

static void put_vmpl(struct sheet *sheet, struct report report)
{
    uint64_t vmpl = report_uint(report, REPORT_VMPL);
    struct sheet_line line =
        line_of(REPORT_VMPL, "privilege level that asked for this report; 0 is the highest");

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
    const struct sheet_line line = line_of(REPORT_KEY_INFO, "which keys are involved");
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
    put_unknown(sheet, info, KEY_INFO_KNOWN);
}

/* The layout of TCB_VERSION, as far as an unverified report can say; version 2 knows no other. */
static bool guess_layout(struct report report, unsigned *out_layout)
{
    enum product product = PRODUCT_MILAN;

    if (report_uint(report, REPORT_VERSION) >= 3) {
        if (!product_by_cpuid((unsigned)report_uint(report, REPORT_CPUID_FAMILY),
                              (unsigned)report_uint(report, REPORT_CPUID_MODEL), &product)) {
            return false;
        }
        if (product_info(product)->layout_min != product_info(product)->layout_max) {
            /* The simulator has both: a chip id of 8 bytes goes with layout 1. */
            struct bytes chip = report_bytes(report, REPORT_CHIP_ID);

            *out_layout = is_all((struct bytes){chip.data + 8, chip.len - 8}, 0) ? 1 : 0;
            return true;
        }
    }
    *out_layout = product_info(product)->layout_min;
    return true;
}

static void put_tcb(struct sheet *sheet, struct report report, enum report_field field,
                    const char *meaning)
{
    struct sheet_line line = line_of(field, meaning);
    struct bytes bytes = report_bytes(report, field);
    char text[160] = "";
    size_t len = 0;
    unsigned layout = 0;
    struct tcb tcb;

    if (!guess_layout(report, &layout)) {
        sheet_hex(sheet, &line, bytes);
        return;
    }
    tcb = tcb_read(layout, bytes.data);
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (tcb.present[i]) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %u", len > 0 ? ", " : "",
                                    tcb_component_name((enum tcb_component)i), tcb.value[i]);
        }
    }
    sheet_line(sheet, &line, "%s", text);
}

static void put_processor(struct sheet *sheet, struct report report)
{
    const struct sheet_line line = line_of(REPORT_CPUID_FAMILY, NULL);
    enum product product = PRODUCT_MILAN;
    unsigned family = (unsigned)report_uint(report, REPORT_CPUID_FAMILY);
    unsigned model = (unsigned)report_uint(report, REPORT_CPUID_MODEL);

    if (report_uint(report, REPORT_VERSION) < 3) {
        sheet_put(sheet, "processor", NULL, "not told by reports of version 2");
        return;
    }
    sheet_line(sheet, &line, "family %02xh, model %02xh, stepping %u: %s", family, model,
               (unsigned)report_uint(report, REPORT_CPUID_STEPPING),
               product_by_cpuid(family, model, &product) ? product_info(product)->name
                                                         : "unknown product");
}

static void put_firmware(struct sheet *sheet, struct report report, enum report_field build,
                         const char *name, const char *meaning)
{
    const struct sheet_line line = {
        .name = name, .offset = report_field_info(build)->offset, .meaning = meaning};

    /* Build, minor and major stand in this order. */
    sheet_line(sheet, &line, "%u.%u.%u", (unsigned)report_uint(report, build + 2),
               (unsigned)report_uint(report, build + 1), (unsigned)report_uint(report, build));
}

static void put_machine(struct sheet *sheet, struct report report)
{
    const struct sheet_line platform =
        line_of(REPORT_PLATFORM_INFO, "the machine's settings when the report was made");
    uint64_t info = report_uint(report, REPORT_PLATFORM_INFO);

    sheet_section(sheet, "Machine");
    put_processor(sheet, report);
    put_bytes(sheet, report, REPORT_CHIP_ID, "identifies this one chip for good",
              "masked by the host, or signed by a VLEK");
    sheet_line(sheet, &platform, "0x%" PRIx64, info);
    put_bits(sheet, info, platform_bits, sizeof(platform_bits) / sizeof(platform_bits[0]));
    put_unknown(sheet, info, PLATFORM_KNOWN);
    put_tcb(sheet, report, REPORT_REPORTED_TCB, "what the signing key vouches for");
    put_tcb(sheet, report, REPORT_CURRENT_TCB, "what runs");
    put_tcb(sheet, report, REPORT_COMMITTED_TCB, "what the host cannot go back below");
    put_tcb(sheet, report, REPORT_LAUNCH_TCB, "what ran when the guest was launched or imported");
    put_firmware(sheet, report, REPORT_CURRENT_BUILD, "CURRENT version", "firmware that runs");
    put_firmware(sheet, report, REPORT_COMMITTED_BUILD, "COMMITTED version",
                 "firmware cannot go back below it");
    if (report_uint(report, REPORT_VERSION) >= 5) {
        put_number(sheet, report, REPORT_LAUNCH_MIT_VECTOR, "mitigations at launch, a bit each");
        put_number(sheet, report, REPORT_CURRENT_MIT_VECTOR, "mitigations now, a bit each");
    }
}

static void put_guest(struct sheet *sheet, struct report report)
{
    struct bytes agent = report_bytes(report, REPORT_REPORT_ID_MA);
    const struct sheet_line agent_line =
        line_of(REPORT_REPORT_ID_MA,
                is_all(agent, 0xff) ? "no migration agent" : "REPORT_ID of its migration agent");

    sheet_section(sheet, "Guest");
    put_bytes(sheet, report, REPORT_MEASUREMENT, "digest of the memory the guest started with",
              "no measurement");
    put_bytes(sheet, report, REPORT_REPORT_DATA, "64 bytes the guest chose: nonce and key",
              "the guest bound nothing to this report");
    put_bytes(sheet, report, REPORT_HOST_DATA,
              "what the host said at launch; proof of nothing else", "none");
    put_vmpl(sheet, report);
    put_policy(sheet, report);
    put_number(sheet, report, REPORT_GUEST_SVN, "security version, from the ID block");
    put_bytes(sheet, report, REPORT_FAMILY_ID, "from the ID block", "no ID block, or zero in it");
    put_bytes(sheet, report, REPORT_IMAGE_ID, "from the ID block", "no ID block, or zero in it");
    put_bytes(sheet, report, REPORT_ID_KEY_DIGEST, "the key that signed the ID block",
              "no ID block");
    put_bytes(sheet, report, REPORT_AUTHOR_KEY_DIGEST,
              report_author_key_enabled(report) ? "the key that signed the ID key"
                                                : "does not count: AUTHOR_KEY_EN is 0",
              "no author key");
    put_bytes(sheet, report, REPORT_REPORT_ID, "this guest instance, for as long as it lives",
              "none");
    sheet_hex(sheet, &agent_line, agent);
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
    put_number(sheet, report, REPORT_VERSION, "format of the report; 2 to 5 are known");
    put_number(sheet, report, REPORT_SIGNATURE_ALGO, "1: ECDSA P-384 with SHA-384");
    put_key_info(sheet, report);
    put_bytes(sheet, report, REPORT_SIGNATURE_R, "little-endian", "not signed");
    put_bytes(sheet, report, REPORT_SIGNATURE_S, "little-endian", "not signed");
    if (report_id(report, id)) {
        const struct sheet_line line = {.name = "evidence id",
                                        .offset = SHEET_NO_OFFSET,
                                        .meaning = "SHA-384 of the signed bytes"};

        sheet_hex(sheet, &line, (struct bytes){id, sizeof(id)});
    }
    put_guest(sheet, report);
    put_machine(sheet, report);
}
