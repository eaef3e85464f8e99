/*
 * The operator's tool: its commands run in this process, with standard output in a file; exit codes
 * and last lines are its interface.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "attest/command.h"
#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"
#include "tests/lib/vendor.h"

#define MEASUREMENT                                                                                \
    "3f9a000000000000000000000000000000000000000000000000000000000000"                             \
    "00000000000000000000000000000000"
#define ARGS_MAX 24
#define OUTPUT_MAX 262144

struct tool {
    char folder[FOLDER_PATH_CAP];
    char vendor[VENDOR_PATH_CAP];
    char output[OUTPUT_MAX]; /* of the last run, both streams */
};

static void path_in(const struct tool *tool, const char *name,
                    char out[static FOLDER_PATH_CAP + 32])
{
    snprintf(out, FOLDER_PATH_CAP + 32, "%s/%s", tool->folder, name);
}

/* Runs one command; "@NAME" is a file in the test's folder.  Returns the exit code. */
static int run(struct tool *tool, int (*command)(int argc, char **argv), const char *const *args)
{
    static char words[ARGS_MAX][FOLDER_PATH_CAP + 512];
    char path[FOLDER_PATH_CAP + 32];
    char *argv[ARGS_MAX + 1] = {NULL};
    int saved_out = dup(STDOUT_FILENO);
    int saved_err = dup(STDERR_FILENO);
    int argc = 0;
    int code = 0;
    int fd = -1;
    ssize_t len = 0;

    for (; args[argc] != NULL; argc++) {
        assert_true(argc < ARGS_MAX);
        if (args[argc][0] == '@') {
            snprintf(words[argc], sizeof(words[argc]), "%s/%s", tool->folder, args[argc] + 1);
        } else {
            snprintf(words[argc], sizeof(words[argc]), "%s", args[argc]);
        }
        argv[argc] = words[argc];
    }
    path_in(tool, "output", path);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && saved_out >= 0 && saved_err >= 0);
    fflush(stdout);
    assert_true(dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    code = command(argc, argv);
    fflush(stdout);
    assert_true(dup2(saved_out, STDOUT_FILENO) >= 0 && dup2(saved_err, STDERR_FILENO) >= 0);
    len = pread(fd, tool->output, sizeof(tool->output) - 1, 0);
    assert_true(len >= 0);
    tool->output[len] = '\0';
    close(fd);
    close(saved_out);
    close(saved_err);
    return code;
}

#define RUN(tool, command, ...)                                                                    \
    run(tool, command, (const char *const[]){"command", __VA_ARGS__, NULL})

/* The last line of the output, without its line feed. */
static const char *last_line(struct tool *tool)
{
    size_t len = strlen(tool->output);
    const char *start = NULL;

    if (len > 0 && tool->output[len - 1] == '\n') {
        tool->output[len - 1] = '\0';
    }
    start = strrchr(tool->output, '\n');
    return start != NULL ? start + 1 : tool->output;
}

static void write_file(const struct tool *tool, const char *name, const void *data, size_t len)
{
    char path[FOLDER_PATH_CAP + 32];
    struct err err;

    path_in(tool, name, path);
    assert_int_equal(file_replace(path, 0600, data, len, &err), 0);
}

static void read_file(const struct tool *tool, const char *name, uint8_t **out_data,
                      size_t *out_len)
{
    char path[FOLDER_PATH_CAP + 32];
    struct err err;

    path_in(tool, name, path);
    assert_int_equal(file_read(path, OUTPUT_MAX, out_data, out_len, &err), 0);
}

/* A machine, evidence from it, a policy that names its root. */
static int set_up(void **state)
{
    struct tool *tool = calloc(1, sizeof(*tool));
    char policy[2048];
    int len = 0;

    assert_non_null(tool);
    folder_make(tool->folder);
    vendor_path("Sim", tool->vendor);
    assert_int_equal(RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@machine",
                         "--measurement", MEASUREMENT),
                     COMMAND_DONE);
    assert_int_equal(RUN(tool, collect_command, "--platform", "sim", "--machine", "@machine",
                         "--report-data", "0a0b", "-o", "@evidence"),
                     COMMAND_DONE);
    len = snprintf(policy, sizeof(policy),
                   "[ca]\ntrust_domain = test.example\nepoch = 1\n"
                   "[tcb sim]\nsnp = 1\n"
                   "[workload right]\ntee = sim\nmeasurement = " MEASUREMENT "\ntcb = sim\n"
                   "spiffe = sim/right\n"
                   "[workload wrong]\ntee = sim\nmeasurement = ff%s\ntcb = sim\n"
                   "spiffe = sim/wrong\n"
                   "[platform sim]\ninsecure_root = %s/ark.pem\n",
                   &MEASUREMENT[2], tool->vendor);
    write_file(tool, "policy.ini", policy, (size_t)len);
    *state = tool;
    return 0;
}

static int tear_down(void **state)
{
    struct tool *tool = *state;

    folder_remove(tool->folder);
    free(tool);
    return 0;
}

static void simulated_evidence_is_believed_only_through_a_policy(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence"), COMMAND_REFUSED);
    assert_non_null(strstr(last_line(tool), "verdict: refused: platform-unsupported: "));
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini"),
                     COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\nok 65 signature: holds\n"));
    assert_non_null(strstr(tool->output, "\nskip 66 binding\n"));
    assert_non_null(strstr(tool->output, "\nFAIL workload wrong: measurement: "));
    assert_string_equal(last_line(tool), "verdict: accepted");
}

static void the_binding_is_checked_if_it_is_given(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini",
                         "--report-data", "0a0b"),
                     COMMAND_DONE);
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini",
                         "--report-data", "0a0c"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(last_line(tool), "verdict: refused: binding-mismatch: report-data: "));
}

static void one_workload_of_the_policy_can_be_asked(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini",
                         "--workload", "right"),
                     COMMAND_DONE);
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini",
                         "--workload", "wrong"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(last_line(tool), "verdict: refused: reference-mismatch: measurement: "));
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini",
                         "--workload", "absent"),
                     COMMAND_USAGE);
}

static void an_altered_report_is_refused(void **state)
{
    struct tool *tool = *state;
    uint8_t *data = NULL;
    uint8_t *at = NULL;
    size_t len = 0;

    read_file(tool, "evidence", &data, &len);
    at = memmem(data, len, "\x0a\x0b", 2);
    assert_non_null(at);
    *at ^= 1;
    write_file(tool, "altered", data, len);
    free(data);
    assert_int_equal(RUN(tool, verify_command, "--report", "@altered", "--policy", "@policy.ini"),
                     COMMAND_REFUSED);
    assert_non_null(
        strstr(last_line(tool), "verdict: refused: signature-invalid: report-signature: "));
}

static void the_answer_is_also_given_as_json(void **state)
{
    struct tool *tool = *state;
    json_error_t error;
    json_t *root = NULL;

    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--json"), COMMAND_REFUSED);
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
        write_file(tool, "bad", rows[i].content, strlen(rows[i].content));
        assert_int_equal(RUN(tool, verify_command, "--report", "@bad"), COMMAND_REFUSED);
        assert_non_null(strstr(last_line(tool), rows[i].verdict));
    }
    assert_int_equal(RUN(tool, verify_command, "--report", "@none"), COMMAND_FAILED);
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--vek", "@none"),
                     COMMAND_FAILED);
    assert_int_equal(RUN(tool, inspect_command, "@none"), COMMAND_FAILED);
}

static void a_malformed_certificate_is_refused(void **state)
{
    struct tool *tool = *state;
    uint8_t report[1184] = {2};

    write_file(tool, "report", report, sizeof(report));
    write_file(tool, "cert", "no certificate", 14);
    assert_int_equal(RUN(tool, verify_command, "--report", "@report", "--vek", "@cert"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(tool->output, "\nFAIL 23 certificate encoding: cert-malformed: "));
}

static void a_missing_key_certificate_gives_its_address(void **state)
{
    struct tool *tool = *state;
    uint8_t *data = NULL;
    uint8_t *report = NULL;
    size_t len = 0;

    read_file(tool, "evidence", &data, &len);
    report = memmem(data, len, "\x67outblob\x59\x04\xa0", 11);
    assert_non_null(report);
    report += 11;
    report[0x188] = 0x19; /* Genoa: the signature no longer matters, the certificate is missing */
    report[0x189] = 0x11;
    write_file(tool, "bare", report, 1184);
    free(data);
    assert_int_equal(RUN(tool, verify_command, "--report", "@bare"), COMMAND_REFUSED);
    assert_non_null(strstr(tool->output, "\nget it at https://kdsintf.amd.com/vcek/v1/Genoa/"));
    assert_non_null(strstr(last_line(tool), "collateral-unavailable: vek-missing: "));
}

static void wrong_usage_is_told_apart_from_refusal(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(RUN(tool, verify_command, "--crl", "x"), COMMAND_USAGE);
    assert_non_null(strstr(tool->output, "--crl: this release does not judge revocation lists"));
    assert_int_equal(RUN(tool, verify_command, "--json"), COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--nonsense"), COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--allow", "debug,all"), COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--vmpl", "4"), COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--at", "now"), COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--workload", "x"),
                     COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@policy.ini",
                         "--allow", "debug"),
                     COMMAND_USAGE);
    assert_int_equal(RUN(tool, verify_command, "--report", "@evidence", "--policy", "@evidence"),
                     COMMAND_USAGE);
    assert_int_equal(RUN(tool, collect_command, "--report-data", "00", "-o", "@x"), COMMAND_USAGE);
    assert_non_null(strstr(tool->output, "this release collects from platform sim only"));
    assert_int_equal(RUN(tool, collect_command, "-o", "@x"), COMMAND_USAGE);
    assert_int_equal(RUN(tool, inspect_command, "@a", "@b"), COMMAND_USAGE);
    assert_int_equal(
        RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@x", "--measurement", "3f9a"),
        COMMAND_USAGE);
    assert_int_equal(RUN(tool, sim_command, "destroy"), COMMAND_USAGE);
}

static void inspect_names_the_danger(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@open", "--debug",
                         "--layout", "1", "--measurement", MEASUREMENT),
                     COMMAND_DONE);
    assert_int_equal(RUN(tool, collect_command, "--platform", "sim", "--machine", "@open", "--vmpl",
                         "2", "--report-data", "00", "-o", "@danger"),
                     COMMAND_DONE);
    assert_int_equal(RUN(tool, inspect_command, "@danger"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\n!        DEBUG "));
    assert_non_null(strstr(tool->output, "\n? 030  VMPL "));
    assert_non_null(strstr(tool->output, "Certificate from the table, as VCEK: AMD's extensions"));
    assert_non_null(strstr(tool->output, "fmc "));
    assert_null(strchr(tool->output, '\x1b')); /* not a terminal */
    assert_int_equal(RUN(tool, verify_command, "--report", "@danger", "--policy", "@policy.ini",
                         "--workload", "right"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(last_line(tool), "guest-policy: "));
}

static void inspect_gives_json_too(void **state)
{
    struct tool *tool = *state;
    json_error_t error;
    json_t *root = NULL;

    assert_int_equal(RUN(tool, inspect_command, "@evidence", "--json"), COMMAND_DONE);
    root = json_loads(tool->output, 0, &error);
    assert_non_null(root);
    assert_true(json_array_size(json_object_get(root, "sections")) > 4);
    json_decref(root);
    assert_int_equal(RUN(tool, inspect_command, "@machine/vek.pem"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "hwID "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_evidence_is_believed_only_through_a_policy),
        cmocka_unit_test(the_binding_is_checked_if_it_is_given),
        cmocka_unit_test(one_workload_of_the_policy_can_be_asked),
        cmocka_unit_test(an_altered_report_is_refused),
        cmocka_unit_test(the_answer_is_also_given_as_json),
        cmocka_unit_test(malformed_files_are_refused_and_missing_ones_fail),
        cmocka_unit_test(a_malformed_certificate_is_refused),
        cmocka_unit_test(a_missing_key_certificate_gives_its_address),
        cmocka_unit_test(wrong_usage_is_told_apart_from_refusal),
        cmocka_unit_test(inspect_names_the_danger),
        cmocka_unit_test(inspect_gives_json_too),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
