/*
 * The operator's tool: collect, verify and sim; exit codes and last lines are their interface.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "attest/command.h"
#include "tests/lib/firmware.h"
#include "tests/lib/tool.h"

static void simulated_evidence_is_believed_only_through_a_policy(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence"), COMMAND_REFUSED);
    assert_non_null(strstr(tool_last_line(tool), "verdict: refused: platform-unsupported: "));
    assert_int_equal(
        TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini"),
        COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\nok 65 signature: holds\n"));
    assert_non_null(strstr(tool->output, "\nskip 66 binding\n"));
    assert_non_null(strstr(tool->output, "\nFAIL workload wrong: measurement: "));
    assert_string_equal(tool_last_line(tool), "verdict: accepted");
}

static void the_binding_is_checked_if_it_is_given(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--report-data", "0a0b"),
                     COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--report-data", "0a0c"),
                     COMMAND_REFUSED);
    assert_non_null(
        strstr(tool_last_line(tool), "verdict: refused: binding-mismatch: report-data: "));
}

static void one_workload_of_the_policy_can_be_asked(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--workload", "right"),
                     COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--workload", "wrong"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(tool->output, "\nok 80 TCB order"));
    assert_non_null(strstr(tool->output, "\nskip 81 strict TCB order\n"));
    assert_non_null(strstr(tool->output, "\nFAIL 87 measurement: measurement: "));
    assert_non_null(strstr(tool->output, "\nskip 90 guest SVN\n"));
    assert_non_null(
        strstr(tool_last_line(tool), "verdict: refused: reference-mismatch: measurement: "));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--workload", "absent"),
                     COMMAND_USAGE);
}

static void what_the_policy_denies_is_refused_for_every_workload(void **state)
{
    struct tool *tool = *state;
    uint8_t *policy = NULL;
    size_t len = 0;
    char denying[4096];
    const char *const workloads[] = {NULL, "right", "wrong"};

    tool_read(tool, "policy.ini", &policy, &len);
    snprintf(denying, sizeof(denying), "%s[deny]\nmeasurement = " TOOL_MEASUREMENT "\n",
             (const char *)policy);
    free(policy);
    tool_write(tool, "denying.ini", denying, strlen(denying));
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        const char *const args[] = {"verify",       "--report",
                                    "@evidence",    "--policy",
                                    "@denying.ini", workloads[i] != NULL ? "--workload" : NULL,
                                    workloads[i],   NULL};

        assert_int_equal(tool_run(tool, verify_command, args), COMMAND_REFUSED);
        assert_non_null(strstr(tool->output, "\nok 67 denied chips"));
        assert_non_null(
            strstr(tool->output, "\nFAIL 68 denied measurements, keys: measurement-denied: "));
        assert_int_equal(strstr(tool->output, " 87 measurement") != NULL, workloads[i] != NULL);
        assert_non_null(
            strstr(tool_last_line(tool), "verdict: refused: revoked: measurement-denied: "));
    }
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@denying.ini", "--workload", "absent"),
                     COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--workload", "right"),
                     COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\nok 68 denied measurements, keys"));
}

static void the_instance_is_checked_if_it_is_given(void **state)
{
    static const char wrong[] = "00000000000000000000000000000000"
                                "00000000000000000000000000000000";
    struct tool *tool = *state;
    const char *at = NULL;
    char right[sizeof(wrong)] = "";

    assert_int_equal(TOOL_RUN(tool, inspect_command, "@evidence", "--json"), COMMAND_DONE);
    at = strstr(tool->output, "\"REPORT_ID\"");
    assert_non_null(at);
    at = strstr(at, "\"value\"");
    assert_non_null(at);
    at = strchr(at, ':');
    at += strcspn(at, "0123456789abcdef");
    memcpy(right, at, sizeof(right) - 1);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--report-id", right),
                     COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\nok 91 instance"));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--report-id", wrong),
                     COMMAND_REFUSED);
    assert_non_null(
        strstr(tool_last_line(tool), "verdict: refused: reference-mismatch: report-id: "));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--report-id", "0a"),
                     COMMAND_USAGE);
}

static void an_altered_report_is_refused(void **state)
{
    struct tool *tool = *state;
    uint8_t *data = NULL;
    uint8_t *at = NULL;
    size_t len = 0;

    tool_read(tool, "evidence", &data, &len);
    /* The report data; a shorter pattern occurs by chance in keys and signatures. */
    at = memmem(data, len, "\x0a\x0b\0\0\0\0\0\0", 8);
    assert_non_null(at);
    *at ^= 1;
    tool_write(tool, "altered", data, len);
    free(data);
    assert_int_equal(
        TOOL_RUN(tool, verify_command, "--report", "@altered", "--policy", "@policy.ini"),
        COMMAND_REFUSED);
    assert_non_null(
        strstr(tool_last_line(tool), "verdict: refused: signature-invalid: report-signature: "));
}

static void the_answer_is_also_given_as_json(void **state)
{
    struct tool *tool = *state;
    json_error_t error;
    json_t *root = NULL;

    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--json"),
                     COMMAND_REFUSED);
    root = json_loads(tool->output, 0, &error);
    assert_non_null(root);
    assert_true(json_is_false(json_object_get(root, "accepted")));
    assert_string_equal(json_string_value(json_object_get(root, "code")), "platform-unsupported");
    assert_true(json_array_size(json_object_get(root, "rows")) > 20);
    json_decref(root);
}

static void malformed_files_are_refused_and_missing_ones_fail(void **state)
{
    struct tool *tool = *state;
    static const struct {
        const char *content;
        const char *verdict;
    } rows[] = {
        {"", "verdict: refused: report-invalid: length: "},
        {"junk", "verdict: refused: report-invalid: length: "},
        {"{}", "verdict: refused: envelope-invalid: tsm-missing-key: malformed"},
        {"-----BEGIN CERTIFICATE-----\n",
         "verdict: refused: envelope-invalid: pem-malformed: malformed"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tool_write(tool, "bad", rows[i].content, strlen(rows[i].content));
        assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@bad"), COMMAND_REFUSED);
        assert_non_null(strstr(tool_last_line(tool), rows[i].verdict));
    }
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@none"), COMMAND_FAILED);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--vek", "@none"),
                     COMMAND_FAILED);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@none"), COMMAND_FAILED);
}

static void a_malformed_certificate_is_refused(void **state)
{
    struct tool *tool = *state;
    uint8_t report[1184] = {2};

    tool_write(tool, "report", report, sizeof(report));
    tool_write(tool, "cert", "no certificate", 14);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@report", "--vek", "@cert"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(tool->output, "\nFAIL 23 certificate encoding: cert-malformed: "));
}

static void a_missing_key_certificate_gives_its_address(void **state)
{
    struct tool *tool = *state;
    uint8_t *data = NULL;
    uint8_t *report = NULL;
    size_t len = 0;

    tool_read(tool, "evidence", &data, &len);
    report = memmem(data, len, "\x67outblob\x59\x04\xa0", 11);
    assert_non_null(report);
    report += 11;
    report[0x188] = 0x19; /* Genoa: the signature no longer matters, the certificate is missing */
    report[0x189] = 0x11;
    tool_write(tool, "bare", report, 1184);
    report[0x48] = 1 << 2; /* a VLEK, which the key service does not give */
    tool_write(tool, "vlek", report, 1184);
    free(data);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@bare"), COMMAND_REFUSED);
    assert_non_null(strstr(tool->output, "\nget it at https://kdsintf.amd.com/vcek/v1/Genoa/"));
    assert_non_null(strstr(tool_last_line(tool), "collateral-unavailable: vek-missing: "));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@vlek"), COMMAND_REFUSED);
    assert_null(strstr(tool->output, "get it at"));
    assert_non_null(strstr(tool_last_line(tool), "collateral-unavailable: vek-missing: "));
}

static void wrong_usage_is_told_apart_from_refusal(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(TOOL_RUN(tool, verify_command, "--crl", "@none"), COMMAND_FAILED);
    assert_non_null(strstr(tool->output, "none: No such file or directory"));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--json"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--nonsense"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--allow", "debug,all"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--vmpl", "4"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--at", "now"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--workload", "x"),
                     COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy",
                              "@policy.ini", "--allow", "debug"),
                     COMMAND_USAGE);
    assert_int_equal(
        TOOL_RUN(tool, verify_command, "--report", "@evidence", "--policy", "@evidence"),
        COMMAND_USAGE);
    assert_int_equal(
        TOOL_RUN(tool, collect_command, "--report-data", "00", "-o", "@x", "--report-dir", "@none"),
        COMMAND_USAGE);
    assert_non_null(strstr(tool->output, "none: not there: needs Linux 6.7"));
    assert_int_equal(TOOL_RUN(tool, collect_command, "-o", "@x"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@a", "@b"), COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@x",
                              "--measurement", "3f9a"),
                     COMMAND_USAGE);
    assert_int_equal(TOOL_RUN(tool, sim_command, "destroy"), COMMAND_USAGE);
}

/* The genuine revocation lists among them have expired, and one that is there has to hold. */
static void link_certificates(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    const struct dirent *entry = NULL;

    assert_non_null(dir);
    assert_int_equal(mkdir(to, 0700), 0);
    while ((entry = readdir(dir)) != NULL) {
        char target[800];
        char name[800];

        if (strncmp(entry->d_name, "ar", 2) != 0 && strncmp(entry->d_name, "as", 2) != 0) {
            continue;
        }
        snprintf(target, sizeof(target), "%s/%s", from, entry->d_name);
        snprintf(name, sizeof(name), "%s/%s", to, entry->d_name);
        assert_int_equal(symlink(target, name), 0);
    }
    closedir(dir);
}

static void genuine_evidence_gives_what_its_manifest_says(void **state)
{
    static const struct {
        const char *report;
        const char *vek;
        const char *at;
        const char *loosened[2]; /* option that the first run lacks; NULL: it must be accepted */
        const char *verdict;     /* of the first run */
    } rows[] = {
        {"milan-v2-a.report.bin",
         "milan-v2-a.vcek.der",
         "2026-11-25T00:00:00Z",
         {NULL},
         "accepted"},
        {"milan-v3.report.bin", "milan-v3.vcek.der", "2026-11-25T00:00:00Z", {NULL}, "accepted"},
        {"genoa-v5.report.bin", "genoa-v5.vcek.der", "2026-11-25T00:00:00Z", {NULL}, "accepted"},
        {"siena-v5.report.bin",
         "siena-v5.reissued.vcek.der",
         "2026-11-25T00:00:00Z",
         {NULL},
         "accepted"},
        {"turin-v5.report.bin", "turin-v5.vcek.der", "2026-11-25T00:00:00Z", {NULL}, "accepted"},
        {"milan-v2-debug.report.bin",
         "milan-v2-debug.vcek.der",
         "2026-11-25T00:00:00Z",
         {"--allow", "debug"},
         "refused: guest-policy: debug-allowed: "},
        {"milan-v3-vlek.report.bin",
         "milan-v3-vlek.vlek.der",
         "2025-06-01T00:00:00Z",
         {"--vmpl", "1"},
         "refused: guest-policy: vmpl-not-allowed: "},
    };
    struct tool *tool = *state;
    const char *dir = getenv("LIFTGATE_FIXTURES");
    char amd[512];
    char collateral[512];

    dir = dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
    snprintf(amd, sizeof(amd), "%s/amd", dir);
    if (access(amd, R_OK) != 0) {
        printf("SKIP: attest_tool: genuine_evidence_gives_what_its_manifest_says: no %s\n", dir);
        skip();
    }
    snprintf(collateral, sizeof(collateral), "%s/amd", tool->folder);
    link_certificates(amd, collateral);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char report[600];
        char vek[600];
        char verdict[128];
        const char *at = rows[i].at;

        snprintf(report, sizeof(report), "%s/snp/%s", dir, rows[i].report);
        snprintf(vek, sizeof(vek), "%s/snp/%s", dir, rows[i].vek);
        snprintf(verdict, sizeof(verdict), "verdict: %s", rows[i].verdict);
        assert_int_equal(TOOL_RUN(tool, verify_command, "--report", report, "--vek", vek, "--at",
                                  at, "--collateral", collateral),
                         rows[i].loosened[0] == NULL ? COMMAND_DONE : COMMAND_REFUSED);
        assert_ptr_equal(strstr(tool_last_line(tool), verdict), tool_last_line(tool));
        if (rows[i].loosened[0] != NULL) {
            assert_int_equal(TOOL_RUN(tool, verify_command, "--report", report, "--vek", vek,
                                      "--at", at, "--collateral", collateral, rows[i].loosened[0],
                                      rows[i].loosened[1]),
                             COMMAND_DONE);
        }
    }
}

static void genuine_files_have_the_marks_that_they_deserve(void **state)
{
    static const struct {
        const char *file;
        const char *line; /* its beginning, with the mark; NULL: nothing is marked */
        const char *meaning;
    } rows[] = {
        {"amd/ark-genoa.der", NULL, "AMD's root, pinned in this program"},
        {"amd/ask-genoa.der", NULL, "CN=SEV-Genoa"},
        {"amd/ask-genoa-revoked.der", "\n!      key SHA-256 ",
         "an intermediate that AMD has revoked"},
        {"amd/crl-genoa-2.der", "\n!      nextUpdate ", "0x020001"},
        {"snp/milan-v3.report.bin", NULL, "family 19h, model 01h"},
        {"snp/turin-v5.report.bin", NULL, "fmc 1 ("},
        {"snp/milan-v2-debug.report.bin", "\n!        DEBUG ", "the host may read and change"},
        {"snp/milan-v2-b.report.bin", "\n! 180  REPORTED_TCB ", "microcode is below CURRENT_TCB"},
        {"snp/milan-v3-vlek.report.bin", "\n? 030  VMPL ", "VLEK: key of a cloud provider"},
        {"snp/milan-v3-vlek.vlek.der", "\n!      notAfter ", "cc-us-east-2.amazonaws.com"},
        {"snp/bad-hwid-new.vcek.der", "\n!      hwID ", "not of a length that chips have"},
    };
    struct tool *tool = *state;
    const char *dir = getenv("LIFTGATE_FIXTURES");

    dir = dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
    if (access(dir, R_OK) != 0) {
        printf("SKIP: attest_tool: genuine_files_have_the_marks_that_they_deserve: no %s\n", dir);
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[600];

        snprintf(path, sizeof(path), "%s/%s", dir, rows[i].file);
        assert_int_equal(TOOL_RUN(tool, inspect_command, path), COMMAND_DONE);
        if (strstr(tool->output, rows[i].meaning) == NULL ||
            (rows[i].line != NULL ? strstr(tool->output, rows[i].line) == NULL
                                  : strstr(tool->output, "\n!") != NULL)) {
            fail_msg("%s: %s, or no \"%s\":\n%s", rows[i].file,
                     rows[i].line != NULL ? rows[i].line : "a mark", rows[i].meaning, tool->output);
        }
    }
}

static void a_measurement_is_printed_for_a_policy(void **state)
{
    struct tool *tool = *state;
    const char *dir = getenv("LIFTGATE_FIXTURES");
    char ovmf[600];

    dir = dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
    snprintf(ovmf, sizeof(ovmf), "%s/measure/ovmf_AmdSev_suffix.bin", dir);
    if (access(ovmf, R_OK) != 0) {
        printf("SKIP: attest_tool: a_measurement_is_printed_for_a_policy: no %s\n", ovmf);
        skip();
    }
    assert_int_equal(TOOL_RUN(tool, measure_command, "snp", "--ovmf", ovmf, "--vcpu-type",
                              "EPYC-v4", "--guest-features", "21"),
                     COMMAND_DONE);
    assert_string_equal(tool->output,
                        "measurement = e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8"
                        "a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b\n");
}

static void what_is_in_doubt_is_said(void **state)
{
    struct tool *tool = *state;
    uint8_t page[OVMF_PAGE];
    uint8_t svsm[FIRMWARE_SVSM_LEN];

    firmware_make(page);
    firmware_make_svsm(svsm);
    tool_write(tool, "firmware", page, sizeof(page));
    tool_write(tool, "svsm", svsm, sizeof(svsm));
    assert_int_equal(TOOL_RUN(tool, measure_command, "snp", "--ovmf", "@firmware", "--vmm", "ec2"),
                     COMMAND_DONE);
    assert_non_null(strstr(tool->output, "--vmm ec2: public tools disagree about it"));
    assert_int_equal(TOOL_RUN(tool, measure_command, "snp", "--ovmf", "@firmware", "--vmm", "gce"),
                     COMMAND_DONE);
    assert_null(strstr(tool->output, "disagree"));
    assert_int_equal(TOOL_RUN(tool, measure_command, "snp", "--ovmf", "@firmware", "--svsm",
                              "@svsm", "--vars-size", "540672", "--vcpus", "2", "--vcpu-type",
                              "EPYC-v4"),
                     COMMAND_DONE);
    assert_string_equal(tool->output,
                        "measurement = 2eb380e5ba1b8cf03754ec392ae9b244c7ce8214a7d5e7159e91a26f"
                        "43c2a8f725dc60b9725d0a1704d5225597f9baf3\n");
    assert_int_equal(TOOL_RUN(tool, measure_command, "snp", "--ovmf", "@firmware", "--svsm",
                              "@svsm", "--vars-size", "540672", "--vcpu-type", "EPYC-v4",
                              "--guest-features", "21"),
                     COMMAND_USAGE);
    assert_non_null(strstr(tool->output, "measure: --svsm is for qemu, with SEV_FEATURES 1"));
}

static void a_bad_measurement_is_refused(void **state)
{
    static const struct {
        const char *args[6];
        const char *said;
    } rows[] = {
        {{"sev"}, "measure: need snp, ovmf or id-block (see --help)"},
        {{"snp"}, "measure: need --ovmf FILE (see --help)"},
        {{"snp", "--ovmf", "@evidence"}, "measure: need --vcpu-type or --vcpu-sig"},
        {{"snp", "--vcpu-type", "Opteron"}, "--vcpu-type: no model Opteron is known"},
        {{"snp", "--vcpu-sig", "800f1x"}, "--vcpu-sig: "},
        {{"snp", "--vcpu-sig", "0x"}, "--vcpu-sig: need up to 16 hex digits"},
        {{"snp", "--vcpu-sig", "100000000"}, "--vcpu-sig: need 32 bits"},
        {{"snp", "--vcpus", "0"}, "--vcpus: need at least one"},
        {{"snp", "--vcpus", "4097"}, "--vcpus: "},
        {{"snp", "--vmm", "xen"}, "--vmm: need qemu, gce or ec2"},
        {{"snp", "--ovmf", "@evidence", "--svsm", "@evidence"},
         "measure: --svsm and --vars-size need each other"},
        {{"snp", "--ovmf", "@evidence", "--vars-size", "4096"},
         "measure: --svsm and --vars-size need each other"},
        {{"snp", "--vars-size", "67108865"}, "--vars-size: "},
        {{"snp", "--ovmf-hash", "00"}, "--ovmf-hash: need 96 hex digits"},
        {{"snp", "--ovmf", "@evidence", "--append", "ro"},
         "measure: --initrd and --append need --kernel"},
        {{"snp", "--ovmf", "@evidence", "--vcpu-sig", "800f12"}, "are not whole pages"},
    };
    struct tool *tool = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[8] = {"measure"};

        memcpy(args + 1, rows[i].args, sizeof(rows[i].args));
        assert_int_equal(tool_run(tool, measure_command, args), COMMAND_USAGE);
        if (strstr(tool->output, rows[i].said) == NULL) {
            fail_msg("%s, should be %s", tool->output, rows[i].said);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_measurement_is_printed_for_a_policy),
        cmocka_unit_test(what_is_in_doubt_is_said),
        cmocka_unit_test(a_bad_measurement_is_refused),
        cmocka_unit_test(simulated_evidence_is_believed_only_through_a_policy),
        cmocka_unit_test(the_binding_is_checked_if_it_is_given),
        cmocka_unit_test(one_workload_of_the_policy_can_be_asked),
        cmocka_unit_test(what_the_policy_denies_is_refused_for_every_workload),
        cmocka_unit_test(the_instance_is_checked_if_it_is_given),
        cmocka_unit_test(an_altered_report_is_refused),
        cmocka_unit_test(the_answer_is_also_given_as_json),
        cmocka_unit_test(malformed_files_are_refused_and_missing_ones_fail),
        cmocka_unit_test(a_malformed_certificate_is_refused),
        cmocka_unit_test(a_missing_key_certificate_gives_its_address),
        cmocka_unit_test(wrong_usage_is_told_apart_from_refusal),
        cmocka_unit_test(genuine_evidence_gives_what_its_manifest_says),
        cmocka_unit_test(genuine_files_have_the_marks_that_they_deserve),
    };

    return cmocka_run_group_tests(tests, tool_set_up, tool_tear_down);
}
