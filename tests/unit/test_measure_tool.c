/*
 * The command `measure`: what it prints stands in a policy as it is, and evidence is judged by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "attest/command.h"
#include "attest/idblock.h"
#include "tests/lib/firmware.h"
#include "tests/lib/tool.h"

#define DIGITS 96

/* Writes the policy with one workload, "it", that has what was printed as it is. */
static void write_policy(const struct tool *tool, const char *name, const char *printed)
{
    char policy[4096];
    int len = snprintf(policy, sizeof(policy),
                       "[ca]\ntrust_domain = test.example\nepoch = 1\n"
                       "[tcb sim]\nsnp = 1\n"
                       "[workload it]\ntee = sim\ntcb = sim\nspiffe = sim/it\n%s"
                       "[platform sim]\ninsecure_root = %s/ark.pem\n",
                       printed, tool->vendor);

    assert_true(len > 0 && (size_t)len < sizeof(policy));
    tool_write(tool, name, policy, (size_t)len);
}

static int collect(struct tool *tool, const char *machine, const char *out)
{
    return TOOL_RUN(tool, collect_command, "--platform", "sim", "--machine", machine,
                    "--report-data", "0a0b", "-o", out);
}

static int verify(struct tool *tool, const char *evidence, const char *policy)
{
    return TOOL_RUN(tool, verify_command, "--report", evidence, "--policy", policy, "--workload",
                    "it");
}

static void a_policy_takes_what_is_printed_and_accepts_that_launch_alone(void **state)
{
    struct tool *tool = *state;
    uint8_t page[OVMF_PAGE];
    char digest[DIGITS + 1] = "";

    firmware_make(page);
    tool_write(tool, "firmware", page, sizeof(page));
    tool_write(tool, "kernel", "kernel", 6);
    assert_int_equal(TOOL_RUN(tool, measure_command, "snp", "--ovmf", "@firmware", "--kernel",
                              "@kernel", "--append", "ro", "--vcpus", "2", "--vcpu-type",
                              "EPYC-v4"),
                     COMMAND_DONE);
    assert_int_equal(strncmp(tool->output, "measurement = ", 14), 0);
    assert_int_equal(strlen(tool->output), 14 + DIGITS + 1);
    memcpy(digest, tool->output + 14, DIGITS);
    write_policy(tool, "launch.ini", tool->output);
    assert_int_equal(TOOL_RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@launched",
                              "--measurement", digest),
                     COMMAND_DONE);
    assert_int_equal(collect(tool, "@launched", "@launch"), COMMAND_DONE);
    assert_int_equal(verify(tool, "@launch", "@launch.ini"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "\nok 87 measurement"));
    assert_int_equal(verify(tool, "@evidence", "@launch.ini"), COMMAND_REFUSED);
    assert_non_null(
        strstr(tool_last_line(tool), "verdict: refused: reference-mismatch: measurement: "));
}

static void make_key(const struct tool *tool, const char *name, const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    BIO *memory = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len = 0;

    assert_int_equal(PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(memory, &data);
    tool_write(tool, name, data, (size_t)len);
    BIO_free(memory);
    EVP_PKEY_free(key);
}

static int make_block(struct tool *tool, const char *id_key, const char *policy)
{
    return TOOL_RUN(tool, measure_command, "id-block", "--measurement", TOOL_MEASUREMENT,
                    "--id-key", id_key, "--author-key", "@author.pem", "--family-id",
                    "fa000000000000000000000000000000", "--image-id",
                    "1a000000000000000000000000000000", "--guest-svn", "7", "--policy", policy,
                    "--block", "@block", "--auth", "@auth");
}

static int machine(struct tool *tool, const char *out)
{
    return TOOL_RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", out, "--measurement",
                    TOOL_MEASUREMENT, "--id-block", "@block", "--id-auth", "@auth");
}

static void a_policy_can_name_who_signed_the_launch(void **state)
{
    static const char *const rows[] = {"\nok 88 ", "\nok 89 ", "\nok 90 guest SVN"};
    struct tool *tool = *state;

    make_key(tool, "id.pem", "P-384");
    make_key(tool, "other.pem", "P-384");
    make_key(tool, "author.pem", "P-384");
    assert_int_equal(make_block(tool, "@id.pem", "30000"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "; launch with policy=0x30000, author-key-enabled=on\n"));
    write_policy(tool, "signer.ini", tool->output);
    assert_int_equal(machine(tool, "@signed"), COMMAND_DONE);
    assert_int_equal(collect(tool, "@signed", "@from-signed"), COMMAND_DONE);
    assert_int_equal(verify(tool, "@from-signed", "@signer.ini"), COMMAND_DONE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_non_null(strstr(tool->output, rows[i]));
    }
    assert_int_equal(verify(tool, "@evidence", "@signer.ini"), COMMAND_REFUSED);
    assert_non_null(strstr(tool_last_line(tool), "verdict: refused: reference-mismatch: id-key: "));
    assert_int_equal(make_block(tool, "@other.pem", "30000"), COMMAND_DONE);
    assert_int_equal(machine(tool, "@stranger"), COMMAND_DONE);
    assert_int_equal(collect(tool, "@stranger", "@from-stranger"), COMMAND_DONE);
    assert_int_equal(verify(tool, "@from-stranger", "@signer.ini"), COMMAND_REFUSED);
    assert_non_null(strstr(tool_last_line(tool), "verdict: refused: reference-mismatch: id-key: "));
}

static void a_machine_launches_only_what_the_block_allows(void **state)
{
    struct tool *tool = *state;
    uint8_t *block = NULL;
    size_t len = 0;

    assert_int_equal(make_block(tool, "@id.pem", "30133"), COMMAND_DONE);
    assert_int_equal(machine(tool, "@no"), COMMAND_FAILED);
    assert_non_null(strstr(tool->output, "ID block: of another guest policy"));
    assert_int_equal(make_block(tool, "@id.pem", "30000"), COMMAND_DONE);
    assert_int_equal(TOOL_RUN(tool, sim_command, "machine", "-d", tool->vendor, "-o", "@no",
                              "--measurement",
                              "ff9a00000000000000000000000000000000000000000000"
                              "000000000000000000000000000000000000000000000000",
                              "--id-block", "@block", "--id-auth", "@auth"),
                     COMMAND_FAILED);
    assert_non_null(strstr(tool->output, "ID block: of another measurement"));
    tool_read(tool, "block", &block, &len);
    assert_int_equal(len, IDBLOCK_LEN);
    block[0x54] ^= 1;
    tool_write(tool, "block", block, len);
    assert_int_equal(machine(tool, "@no"), COMMAND_FAILED);
    assert_non_null(strstr(tool->output, "ID key: the signature does not hold"));
    tool_write(tool, "block", block, len - 1);
    assert_int_equal(machine(tool, "@no"), COMMAND_USAGE);
    assert_non_null(strstr(tool->output, "need 96 bytes"));
    free(block);
}

static void qemu_takes_both_in_base64(void **state)
{
    struct tool *tool = *state;
    uint8_t *text = NULL;
    uint8_t raw[IDBLOCK_AUTH_LEN + 3];
    size_t len = 0;

    assert_int_equal(TOOL_RUN(tool, measure_command, "id-block", "--measurement", TOOL_MEASUREMENT,
                              "--id-key", "@id.pem", "--block", "@block.b64", "--auth", "@auth.b64",
                              "--base64"),
                     COMMAND_DONE);
    assert_null(strstr(tool->output, "author_key_digest"));
    assert_null(strstr(tool->output, "family_id"));
    assert_null(strstr(tool->output, "min_guest_svn"));
    tool_read(tool, "block.b64", &text, &len);
    assert_int_equal(len, IDBLOCK_LEN / 3 * 4);
    assert_int_equal(EVP_DecodeBlock(raw, text, (int)len), IDBLOCK_LEN);
    assert_memory_equal(raw, "\x3f\x9a\0", 3);
    free(text);
    tool_read(tool, "auth.b64", &text, &len);
    assert_int_equal(len, (IDBLOCK_AUTH_LEN + 2) / 3 * 4);
    assert_int_equal(EVP_DecodeBlock(raw, text, (int)len), IDBLOCK_AUTH_LEN + 2); /* padded */
    assert_memory_equal(raw, "\x01\0\0\0", 4);
    free(text);
}

static void a_bad_block_is_not_made(void **state)
{
    static const struct {
        const char *args[14];
        const char *said;
    } rows[] = {
        {{"--measurement", "00"}, "--measurement: need 96 hex digits"},
        {{"--family-id", "fa"}, "--family-id: need 32 hex digits"},
        {{"--image-id", "1"}, "--image-id: need 1 to 16 bytes in hexadecimal"},
        {{"--guest-svn", "4294967296"}, "--guest-svn: need a number from 0 to 4294967295"},
        {{"--policy", "10000"}, "--policy: bit 17 must be 1, and bits 63 to 26 be 0"},
        {{"--policy", "4030000"}, "--policy: bit 17 must be 1, and bits 63 to 26 be 0"},
        {{"--policy", "debug"}, "--policy: need up to 16 hex digits"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@id.pem", "--block", "@x"},
         "measure id-block: need --measurement, --id-key, --block and --auth"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@p256.pem", "--block", "@x", "--auth",
          "@y"},
         "measure id-block: ID key: need an EC key on P-384"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@id.pem", "--author-key", "@p256.pem",
          "--block", "@x", "--auth", "@y"},
         "measure id-block: author key: need an EC key on P-384"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@evidence", "--block", "@x", "--auth",
          "@y"},
         "no key"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@id.pem", "--block", "@id.pem", "--auth",
          "@y"},
         "--block and --auth need files of their own"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@id.pem", "--author-key", "@id.pem",
          "--block", "@x", "--auth", "@key-by-another-name"},
         "--block and --auth need files of their own"},
        {{"--measurement", TOOL_MEASUREMENT, "--id-key", "@id.pem", "--block", "@x", "--auth",
          "@x"},
         "--block and --auth need files of their own"},
    };
    struct tool *tool = *state;
    char path[FOLDER_PATH_CAP + 32];
    struct stat info;

    make_key(tool, "p256.pem", "P-256");
    snprintf(path, sizeof(path), "%s/key-by-another-name", tool->folder);
    assert_int_equal(symlink("id.pem", path), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[17] = {"measure", "id-block"};

        memcpy(args + 2, rows[i].args, sizeof(rows[i].args));
        assert_int_equal(tool_run(tool, measure_command, args), COMMAND_USAGE);
        if (strstr(tool->output, rows[i].said) == NULL) {
            fail_msg("%s, should be %s", tool->output, rows[i].said);
        }
    }
    snprintf(path, sizeof(path), "%s/x", tool->folder);
    assert_int_equal(stat(path, &info), -1);
    assert_int_equal(make_block(tool, "@none.pem", "30000"), COMMAND_FAILED);
    assert_int_equal(make_block(tool, "@id.pem", "0xb0000"), COMMAND_DONE);
    assert_non_null(strstr(tool->output, "--policy: it lets the host debug the guest"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_takes_what_is_printed_and_accepts_that_launch_alone),
        cmocka_unit_test(a_policy_can_name_who_signed_the_launch),
        cmocka_unit_test(a_machine_launches_only_what_the_block_allows),
        cmocka_unit_test(qemu_takes_both_in_base64),
        cmocka_unit_test(a_bad_block_is_not_made),
    };

    return cmocka_run_group_tests(tests, tool_set_up, tool_tear_down);
}
