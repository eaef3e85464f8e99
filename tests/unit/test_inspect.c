/*
 * Inspect: the operator's tool explains evidence, certificates and CSRs, and marks what is
 * dangerous.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "attest/bundle.h"
#include "attest/command.h"
#include "attest/report.h"
#include "attest/tsm.h"
#include "common/ear.h"
#include "common/err.h"
#include "common/file.h"
#include "tests/lib/tool.h"

/* A leaf with an attestation result in it, self-signed, valid for an hour that
   begins in `begin` seconds. */
static void make_leaf(const struct tool *tool, const char *name, const struct ear *ear, long begin)
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
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), begin));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), begin + 3600));
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    len = i2d_X509(cert, &der);
    tool_write(tool, name, der, (size_t)len);
    OPENSSL_free(der);
    X509_EXTENSION_free(extension);
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(inner);
    ASN1_OCTET_STRING_free(value);
    EVP_PKEY_free(key);
    X509_free(cert);
}

static void inspect_names_the_danger(void **state)
{
    struct tool *tool = *state;

    assert_int_equal(TOOL_RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@open",
                              "--debug", "--layout", "1", "--measurement", TOOL_MEASUREMENT),
                     COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, collect_command, "--platform", "sim", "--machine", "@open",
                              "--vmpl", "2", "--report-data", "00", "-o", "@danger"),
                     COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@danger"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\n!        DEBUG "));
    assert_non_null(strstr(tool->output, "\n? 030  VMPL "));
    assert_non_null(strstr(tool->output, "Certificate from the table, as VCEK: AMD's extensions"));
    assert_non_null(strstr(tool->output, "fmc "));
    assert_null(strchr(tool->output, '\x1b')); /* not a terminal */
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@danger", "--policy",
                              "@policy.ini", "--workload", "right"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(tool_last_line(tool), "guest-policy: "));
}

/* One change of a report, and the line that must be marked then and is not otherwise. */
static const struct {
    size_t at;
    uint8_t byte;
    const char *line; /* its beginning, with the mark */
    const char *meaning;
} dangers[] = {
    {0x000, 6, "! 000  VERSION ", "not a format known here"},
    {0x034, 2, "! 034  SIGNATURE_ALGO ", "not 1, ECDSA P-384"},
    {0x00a, 0x01, "!        always 1 ", "must be 1"},
    {0x00a, 0x07, "!        MIGRATE_MA ", "a migration agent may move this guest"},
    {0x00a, 0x0b, "!        DEBUG ", "the host may read and change the guest's memory"},
    {0x00a, 0x23, "?        CXL_ALLOW ", "CXL memory allowed"},
    {0x00b, 0x04, "!        reserved bits ", "nobody here knows what they mean"},
    {0x030, 1, "? 030  VMPL ", "not the most privileged code"},
    {0x030, 4, "! 030  VMPL ", "no such privilege level"},
    {0x040, 0x21, "?        ECC_EN ", "no ECC memory"},
    {0x040, 0x05, "?        ALIAS_CHECK_COMPLETE ", "not checked"},
    {0x041, 0x01, "!        reserved bits ", "nobody here knows what they mean"},
    {0x048, 0x02, "!        MASK_CHIP_KEY ", "not signed by the chip's key"},
    {0x048, 0x1c, "!        SIGNING_KEY ", "the report is not signed"},
    {0x048, 0x08, "!        SIGNING_KEY ", "reserved value"},
    {0x048, 0x20, "!        reserved bits ", "nobody here knows what they mean"},
    {0x04c, 1, "! 04c  reserved bytes ", "not zero"},
    {0x29f, 1, "! 29f  reserved bytes ", "not zero"},
    {0x49f, 1, "! 49f  reserved bytes ", "not zero"},
    {0x180, 3, "! 180  REPORTED_TCB ", "bootloader is below COMMITTED_TCB"},
    {0x187, 220, "! 180  REPORTED_TCB ", "microcode is above CURRENT_TCB"},
    {0x1e7, 218, "? 1e0  COMMITTED_TCB ", "microcode is below CURRENT_TCB"},
    {0x1e6, 25, "! 1e0  COMMITTED_TCB ", "snp is above CURRENT_TCB"},
    {0x1f6, 23, "? 1f0  LAUNCH_TCB ", "snp is below CURRENT_TCB"},
    {0x1ec, 39, "? 1ec  COMMITTED version ", "below CURRENT version"},
    {0x1ed, 56, "! 1ec  COMMITTED version ", "above CURRENT version"},
};

static void each_danger_has_its_mark(void **state)
{
    struct tool *tool = *state;
    uint8_t *data = NULL;
    uint8_t *found = NULL;
    uint8_t report[REPORT_LEN];
    size_t len = 0;

    tool_read(tool, "evidence", &data, &len);
    found = memmem(data, len, "\x67outblob\x59\x04\xa0", 11);
    assert_non_null(found);
    memcpy(report, found + 11, sizeof(report));
    free(data);
    tool_write(tool, "report", report, sizeof(report));
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@report"), COMMAND_DONE);
    assert_null(strstr(tool->output, "\n! "));
    assert_null(strstr(tool->output, "\n? "));
    for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++) {
        uint8_t was = report[dangers[i].at];
        const char *line = NULL;

        report[dangers[i].at] = dangers[i].byte;
        tool_write(tool, "report", report, sizeof(report));
        report[dangers[i].at] = was;
        assert_int_equal(TOOL_RUN(tool, inspect_command, "@report"), COMMAND_DONE);
        line = strstr(tool->output, dangers[i].line);
        if (line == NULL || line[-1] != '\n' || strstr(line, dangers[i].meaning) == NULL) {
            fail_msg("row %zu: no %s in\n%s", i, dangers[i].line, tool->output);
        }
    }
    /* The key is of the TCB that is committed, and newer firmware runs. */
    report[0x03f]++;
    report[0x1f7]++;
    tool_write(tool, "report", report, sizeof(report));
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@report"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "microcode is below CURRENT_TCB: the signing key stands "
                                         "for older firmware"));
    memset(report + 0x030, 0xff, 4);
    memset(report + 0x1a0, 0, 64);
    tool_write(tool, "report", report, sizeof(report));
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@report"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "the HOST asked for this report"));
    assert_non_null(strstr(tool->output, "\n? 1a0  CHIP_ID "));
}

static void what_has_expired_is_marked(void **state)
{
    struct tool *tool = *state;
    const struct ear ear = {.tee = "sim", .policy_id = "x", .verifier_build = "x"};

    make_leaf(tool, "leaf", &ear, -7200);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@leaf"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\n!      notAfter "));
    assert_null(strstr(tool->output, "\n!      notBefore "));
    make_leaf(tool, "leaf", &ear, 7200);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@leaf"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\n!      notBefore "));
    assert_null(strstr(tool->output, "\n!      notAfter "));
}

static void inspect_gives_json_too(void **state)
{
    struct tool *tool = *state;
    json_error_t error;
    json_t *root = NULL;

    assert_int_equal(TOOL_RUN(tool, inspect_command, "@evidence", "--json"), COMMAND_DONE);
    root = json_loads(tool->output, 0, &error);
    assert_non_null(root);
    assert_true(json_array_size(json_object_get(root, "sections")) > 4);
    json_decref(root);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@machine/vek.pem"), COMMAND_DONE);
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

    tool_read(tool, "evidence", &data, &len);
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
    tool_write(tool, name, der, (size_t)der_len);
    OPENSSL_free(der);
    free(data);
    EVP_PKEY_free(key);
    X509_REQ_free(csr);
}

static void a_csr_is_explained_and_its_evidence_verified(void **state)
{
    struct tool *tool = *state;

    make_csr(tool, "csr", 1);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@csr"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "holds: whoever made this has the key"));
    assert_non_null(strstr(tool->output, "MEASUREMENT "));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@csr", "--policy", "@policy.ini"),
                     COMMAND_DONE);
    make_csr(tool, "bare", 0);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@bare"), COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@bare"), COMMAND_REFUSED);
    assert_non_null(strstr(tool_last_line(tool), "envelope-invalid: no-evidence: "));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@machine/vek.pem"),
                     COMMAND_REFUSED);
    assert_non_null(strstr(tool_last_line(tool), "envelope-invalid: no-evidence: "));
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

    make_leaf(tool, "leaf", &ear, 0);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@leaf"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "Certificate 1: attestation result"));
    assert_non_null(strstr(tool->output, "!      status "));
    assert_non_null(strstr(tool->output, "SIMULATED"));
    assert_non_null(strstr(tool->output, "2026-09-21T14:13:20Z"));
    ear.status = EAR_AFFIRMING;
    ear.genuine = true;
    memcpy(ear.tee, "snp", 4);
    make_leaf(tool, "leaf", &ear, 0);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@leaf"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "2 (affirming)"));
}

static void hostile_text_cannot_drive_the_terminal(void **state)
{
    struct tool *tool = *state;
    static const char evidence[] = "\xa2\x67outblob\x41o\x68provider\x67\x1b[2Jx\r\n";

    tool_write(tool, "hostile", evidence, sizeof(evidence) - 1);
    assert_int_equal(TOOL_RUN(tool, inspect_command, "@hostile"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\\x1b[2Jx\\x0d"));
    assert_null(strchr(tool->output, '\x1b'));
    assert_int_equal(TOOL_RUN(tool, verify_command, "--report", "@hostile"), COMMAND_REFUSED);
    assert_null(strchr(tool->output, '\x1b'));
}

static void the_manual_page_names_every_option(void **state)
{
    struct tool *tool = *state;
    static int (*const commands[])(int argc, char **argv) = {collect_command, idblock_command,
                                                             inspect_command, measure_command,
                                                             sim_command,     verify_command};
    uint8_t *page = NULL;
    size_t len = 0;
    struct err err;

    assert_int_equal(file_read(MANUAL_PAGE, TOOL_OUTPUT_MAX, &page, &len, &err), 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_int_equal(tool_run(tool, commands[i], (const char *const[]){"x", "--help", NULL}),
                         COMMAND_DONE);
        for (char *at = tool->output; (at = strstr(at, "--")) != NULL;) {
            char name[64];

            at += 2;
            snprintf(name, sizeof(name), "%.*s", (int)strspn(at, "abcdefghijklmnopqrstuvwxyz-"),
                     at);
            /* A hyphen is "\\-" in a manual page. */
            for (size_t j = 0; name[j] != '\0' && strlen(name) + 1 < sizeof(name); j++) {
                if (name[j] == '-') {
                    memmove(name + j + 1, name + j, strlen(name + j) + 1);
                    name[j++] = '\\';
                }
            }
            if (strstr((const char *)page, name) == NULL) {
                fail_msg("the manual page lacks --%s", name);
            }
        }
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_names_the_danger),
        cmocka_unit_test(each_danger_has_its_mark),
        cmocka_unit_test(what_has_expired_is_marked),
        cmocka_unit_test(inspect_gives_json_too),
        cmocka_unit_test(a_csr_is_explained_and_its_evidence_verified),
        cmocka_unit_test(the_attestation_result_of_a_leaf_is_explained),
        cmocka_unit_test(hostile_text_cannot_drive_the_terminal),
        cmocka_unit_test(the_manual_page_names_every_option),
    };

    return cmocka_run_group_tests(tests, tool_set_up, tool_tear_down);
}
