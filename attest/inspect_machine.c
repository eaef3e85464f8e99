/*
 * Inspect_machine: what runs below the guest, and what of it is old.
 */
#include "attest/inspect_machine.h"

#include <inttypes.h>
#include <stdio.h>

#include "attest/inspect_field.h"
#include "attest/product.h"

// clang-format off
static const struct inspect_bit platform_bits[] = {
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

#define PLATFORM_KNOWN UINT64_C(0xff)

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

            *out_layout =
                inspect_field_is_all((struct bytes){chip.data + 8, chip.len - 8}, 0) ? 1 : 0;
            return true;
        }
    }
    *out_layout = product_info(product)->layout_min;
    return true;
}

/* The four TCBs, as far as they can be taken apart. */
struct tcbs {
    bool known;
    struct tcb current;
    struct tcb committed;
};

/* The first component in which `a` is below `b`. */
static bool is_below(const struct tcb *a, const struct tcb *b, enum tcb_component *out_component)
{
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (a->present[i] && a->value[i] < b->value[i]) {
            *out_component = (enum tcb_component)i;
            return true;
        }
    }
    return false;
}

/* What a TCB below or above another one says. */
struct comparison {
    const char *other;
    enum sheet_mark mark;
    const char *consequence;
};

static void judge_tcb(struct sheet_line *line, char *text, size_t cap, const struct comparison *is,
                      enum tcb_component component)
{
    if (line->mark >= is->mark) {
        return;
    }
    snprintf(text, cap, "%s is %s: %s", tcb_component_name(component), is->other, is->consequence);
    line->mark = is->mark;
    line->meaning = text;
}

/* A TCB that is old, or that there cannot be, is marked with the worst that can be said of it. */
static void compare_tcb(struct sheet_line *line, char *text, size_t cap, const struct tcbs *tcbs,
                        const struct tcb *tcb, enum report_field field)
{
    static const struct comparison reported_committed = {
        "below COMMITTED_TCB", SHEET_DANGER,
        "the signing key stands for firmware that is outdated"};
    static const struct comparison reported_current = {"below CURRENT_TCB", SHEET_DANGER,
                                                       "the signing key stands for older firmware"};
    static const struct comparison committed_current = {"below CURRENT_TCB", SHEET_NOTE,
                                                        "the host can still go back to it"};
    static const struct comparison launch_current = {"below CURRENT_TCB", SHEET_NOTE,
                                                     "the guest was launched under older firmware"};
    static const struct comparison above_current = {"above CURRENT_TCB", SHEET_DANGER,
                                                    "that cannot be"};
    enum tcb_component component = TCB_BOOTLOADER;

    if (is_below(&tcbs->current, tcb, &component)) {
        judge_tcb(line, text, cap, &above_current, component);
    }
    if (field == REPORT_REPORTED_TCB && is_below(tcb, &tcbs->committed, &component)) {
        judge_tcb(line, text, cap, &reported_committed, component);
    }
    if (is_below(tcb, &tcbs->current, &component)) {
        judge_tcb(line, text, cap,
                  field == REPORT_REPORTED_TCB    ? &reported_current
                  : field == REPORT_COMMITTED_TCB ? &committed_current
                                                  : &launch_current,
                  component);
    }
}

static void put_tcb(struct sheet *sheet, struct report report, enum report_field field,
                    const char *meaning)
{
    struct sheet_line line = inspect_field_line(field, meaning);
    struct bytes bytes = report_bytes(report, field);
    char text[160] = "";
    char judgement[160];
    size_t len = 0;
    unsigned layout = 0;
    struct tcbs tcbs;
    struct tcb tcb;

    if (!guess_layout(report, &layout)) {
        sheet_hex(sheet, &line, bytes);
        return;
    }
    tcb = tcb_read(layout, bytes.data);
    tcbs.current = tcb_read(layout, report_bytes(report, REPORT_CURRENT_TCB).data);
    tcbs.committed = tcb_read(layout, report_bytes(report, REPORT_COMMITTED_TCB).data);
    compare_tcb(&line, judgement, sizeof(judgement), &tcbs, &tcb, field);
    for (unsigned i = 0; i < TCB_COMPONENTS; i++) {
        if (tcb.present[i]) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %u", len > 0 ? ", " : "",
                                    tcb_component_name((enum tcb_component)i), tcb.value[i]);
        }
    }
    len += (size_t)snprintf(text + len, sizeof(text) - len, " (");
    for (size_t i = 0; i < bytes.len; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x", bytes.data[i]);
    }
    snprintf(text + len, sizeof(text) - len, ")");
    sheet_line(sheet, &line, "%s", text);
}

static void put_processor(struct sheet *sheet, struct report report)
{
    const struct sheet_line line = inspect_field_line(REPORT_CPUID_FAMILY, NULL);
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

/* Build, minor and major stand in this order; the value grows with the version. */
static uint32_t firmware_version(struct report report, enum report_field build)
{
    return (uint32_t)(report_uint(report, build + 2) << 16 | report_uint(report, build + 1) << 8 |
                      report_uint(report, build));
}

static void put_firmware(struct sheet *sheet, struct report report, enum report_field build,
                         const char *name, const char *meaning)
{
    struct sheet_line line = {
        .name = name, .offset = report_field_info(build)->offset, .meaning = meaning};
    uint32_t version = firmware_version(report, build);
    uint32_t current = firmware_version(report, REPORT_CURRENT_BUILD);

    if (version < current) {
        line.mark = SHEET_NOTE;
        line.meaning = "below CURRENT version: the host can still go back to it";
    } else if (version > current) {
        line.mark = SHEET_DANGER;
        line.meaning = "above CURRENT version: that cannot be";
    }
    sheet_line(sheet, &line, "%u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff);
}

static void put_chip(struct sheet *sheet, struct report report)
{
    struct sheet_line line =
        inspect_field_line(REPORT_CHIP_ID, "identifies this one chip for good");

    if (!report_chip_known(report)) {
        bool vlek = report_signing_key(report) == SIGNING_KEY_VLEK;

        line.mark = vlek ? SHEET_PLAIN : SHEET_NOTE;
        line.meaning = vlek ? "signed by a VLEK, which names no chip" : "masked by the host";
    }
    sheet_hex(sheet, &line, report_bytes(report, REPORT_CHIP_ID));
}

static void put_mitigations(struct sheet *sheet, struct report report, enum report_field field,
                            const char *meaning)
{
    const struct sheet_line line = inspect_field_line(field, meaning);

    sheet_line(sheet, &line, "0x%" PRIx64, report_uint(report, field));
}

void inspect_machine(struct sheet *sheet, struct report report)
{
    const struct sheet_line platform =
        inspect_field_line(REPORT_PLATFORM_INFO, "the machine's settings when the report was made");
    uint64_t info = report_uint(report, REPORT_PLATFORM_INFO);

    sheet_section(sheet, "Machine");
    put_processor(sheet, report);
    put_chip(sheet, report);
    sheet_line(sheet, &platform, "0x%" PRIx64, info);
    inspect_field_bits(sheet, info, platform_bits,
                       sizeof(platform_bits) / sizeof(platform_bits[0]));
    inspect_field_unknown(sheet, info, PLATFORM_KNOWN);
    put_tcb(sheet, report, REPORT_REPORTED_TCB, "what the signing key vouches for");
    put_tcb(sheet, report, REPORT_CURRENT_TCB, "what runs");
    put_tcb(sheet, report, REPORT_COMMITTED_TCB, "what the host cannot go back below");
    put_tcb(sheet, report, REPORT_LAUNCH_TCB, "what ran when the guest was launched or imported");
    put_firmware(sheet, report, REPORT_CURRENT_BUILD, "CURRENT version", "firmware that runs");
    put_firmware(sheet, report, REPORT_COMMITTED_BUILD, "COMMITTED version",
                 "firmware cannot go back below it");
    if (report_uint(report, REPORT_VERSION) >= 5) {
        put_mitigations(sheet, report, REPORT_LAUNCH_MIT_VECTOR,
                        "mitigations at launch, a bit each");
        put_mitigations(sheet, report, REPORT_CURRENT_MIT_VECTOR, "mitigations now, a bit each");
    }
}
