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
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "attest/bundle.h"
#include "attest/command.h"
#include "attest/tsm.h"
#include "common/ear.h"
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

/* A CSR whose attestation attribute carries the collected evidence. */
static void make_csr(const struct tool *tool, const char *name, size_t num_attributes)
{
    static uint8_t storage[BUNDLE_LEN_MAX];
    struct buf bundle = buf_over(storage, sizeof(storage));
    X509_REQ *csr = X509_REQ_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    uint8_t *data = NULL;
    size_t len = 0;
    int der_len = 0;
    struct evidence evidence;
    struct verdict verdict;
    struct err err;

    read_file(tool, "evidence", &data, &len);
    assert_true(tsm_decode((struct bytes){data, len}, &evidence, &verdict));
    assert_int_equal(bundle_encode(&evidence, &bundle, &err), 0);
    assert_int_equal(X509_REQ_set_pubkey(csr, key), 1);
    for (size_t i = 0; i < num_attributes; i++) {
        assert_int_equal(X509_REQ_add1_attr_by_txt(csr, "1.2.840.113549.1.9.16.2.59",
                                                   V_ASN1_SEQUENCE, bundle.data, (int)bundle.len),
                         1);
    }
    assert_true(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    der_len = i2d_X509_REQ(csr, &der);
    assert_true(der_len > 0);
    write_file(tool, name, der, (size_t)der_len);
    OPENSSL_free(der);
    free(data);
    EVP_PKEY_free(key);
    X509_REQ_free(csr);
}

static void a_csr_is_explained_and_its_evidence_verified(void **state)
{
    struct tool *tool = *state;

    make_csr(tool, "csr", 1);
    assert_int_equal(RUN(tool, inspect_command, "@csr"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "holds: whoever made this has the key"));
    assert_non_null(strstr(tool->output, "MEASUREMENT "));
    assert_int_equal(RUN(tool, verify_command, "--report", "@csr", "--policy", "@policy.ini"),
                     COMMAND_DONE);
    make_csr(tool, "bare", 0);
    assert_int_equal(RUN(tool, inspect_command, "@bare"), COMMAND_DONE);
    assert_int_equal(RUN(tool, verify_command, "--report", "@bare"), COMMAND_REFUSED);
    assert_non_null(strstr(last_line(tool), "envelope-invalid: no-evidence: "));
    assert_int_equal(RUN(tool, verify_command, "--report", "@machine/vek.pem"), COMMAND_REFUSED);
    assert_non_null(strstr(last_line(tool), "envelope-invalid: no-evidence: "));
}

/* A leaf with an attestation result in it, self-signed. */
static void make_leaf(const struct tool *tool, const char *name, const struct ear *ear)
{
    uint8_t storage[EAR_CMW_MAX];
    struct buf cmw = buf_over(storage, sizeof(storage));
    ASN1_OCTET_STRING *inner = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.35", 1);
    X509 *cert = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_EXTENSION *extension = NULL;
    unsigned char *der = NULL;
    int len = 0;
    struct err err;

    assert_int_equal(ear_encode(ear, &cmw, &err), 0);
    assert_int_equal(ASN1_OCTET_STRING_set(inner, cmw.data, (int)cmw.len), 1);
    len = i2d_ASN1_OCTET_STRING(inner, &der);
    assert_int_equal(ASN1_OCTET_STRING_set(value, der, len), 1);
    OPENSSL_free(der);
    der = NULL;
    extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 7), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    len = i2d_X509(cert, &der);
    write_file(tool, name, der, (size_t)len);
    OPENSSL_free(der);
    X509_EXTENSION_free(extension);
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(inner);
    ASN1_OCTET_STRING_free(value);
    EVP_PKEY_free(key);
    X509_free(cert);
}

static void the_attestation_result_of_a_leaf_is_explained(void **state)
{
    struct tool *tool = *state;
    struct ear ear = {.iat = 1790000000,
                      .status = EAR_NONE,
                      .tee = "sim",
                      .epoch = 42,
                      .measurement = {0x3f, 0x9a},
                      .measurement_len = 48,
                      .policy_id = "ni:///sha-256;x",
                      .verifier_build = "liftgate-ca 1.0.0"};

    make_leaf(tool, "leaf", &ear);
    assert_int_equal(RUN(tool, inspect_command, "@leaf"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "Certificate 1: attestation result"));
    assert_non_null(strstr(tool->output, "!      status "));
    assert_non_null(strstr(tool->output, "SIMULATED"));
    assert_non_null(strstr(tool->output, "2026-09-21T14:13:20Z"));
    ear.status = EAR_AFFIRMING;
    ear.genuine = true;
    memcpy(ear.tee, "snp", 4);
    make_leaf(tool, "leaf", &ear);
    assert_int_equal(RUN(tool, inspect_command, "@leaf"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "2 (affirming)"));
}

static void hostile_text_cannot_drive_the_terminal(void **state)
{
    struct tool *tool = *state;
    static const char evidence[] = "\xa2\x67outblob\x41o\x68provider\x67\x1b[2Jx\r\n";

    write_file(tool, "hostile", evidence, sizeof(evidence) - 1);
    assert_int_equal(RUN(tool, inspect_command, "@hostile"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\\x1b[2Jx\\x0d"));
    assert_null(strchr(tool->output, '\x1b'));
    assert_int_equal(RUN(tool, verify_command, "--report", "@hostile"), COMMAND_REFUSED);
    assert_null(strchr(tool->output, '\x1b'));
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
    char collateral[512];

    dir = dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
    snprintf(collateral, sizeof(collateral), "%s/amd", dir);
    if (access(collateral, R_OK) != 0) {
        printf("SKIP: attest_tool: genuine_evidence_gives_what_its_manifest_says: no %s\n", dir);
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char report[600];
        char vek[600];
        char verdict[128];
        const char *at = rows[i].at;

        snprintf(report, sizeof(report), "%s/snp/%s", dir, rows[i].report);
        snprintf(vek, sizeof(vek), "%s/snp/%s", dir, rows[i].vek);
        snprintf(verdict, sizeof(verdict), "verdict: %s", rows[i].verdict);
        assert_int_equal(RUN(tool, verify_command, "--report", report, "--vek", vek, "--at", at,
                             "--collateral", collateral),
                         rows[i].loosened[0] == NULL ? COMMAND_DONE : COMMAND_REFUSED);
        assert_ptr_equal(strstr(last_line(tool), verdict), last_line(tool));
        if (rows[i].loosened[0] != NULL) {
            assert_int_equal(RUN(tool, verify_command, "--report", report, "--vek", vek, "--at", at,
                                 "--collateral", collateral, rows[i].loosened[0],
                                 rows[i].loosened[1]),
                             COMMAND_DONE);
        }
    }
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
        cmocka_unit_test(a_csr_is_explained_and_its_evidence_verified),
        cmocka_unit_test(the_attestation_result_of_a_leaf_is_explained),
        cmocka_unit_test(hostile_text_cannot_drive_the_terminal),
        cmocka_unit_test(genuine_evidence_gives_what_its_manifest_says),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
