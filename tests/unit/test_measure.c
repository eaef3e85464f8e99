/*
 * Measure: the vectors of the field's public tools, where their inputs are at hand, and those that
 * need none.
 */
#include "attest/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "common/err.h"
#include "common/file.h"
#include "tests/lib/firmware.h"

#define EPYC 0x800f12

static void hex(const uint8_t *data, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

/* The first two are published; the others were made from AMD's layout with other code. */
static void processors_start_as_is_known(void **state)
{
    static const struct {
        struct vmsa vmsa;
        const char *sha384; /* its first 16 bytes */
    } rows[] = {
        {{VMSA_QEMU, VMSA_EIP_FIRST, EPYC, 1}, "77920c4c629ff47e90c0e174fc1ad0eb"},
        {{VMSA_QEMU, 0x80b004, EPYC, 1}, "8413b852790765a310d95867a8b00bfc"},
        {{VMSA_EC2, VMSA_EIP_FIRST, EPYC, 1}, "d08442e8bcdb6a5dcd7f22e4f7fd6979"},
        {{VMSA_EC2, 0x80b004, EPYC, 1}, "acff2d22db95b8eb82272d844aa2ad1f"},
        {{VMSA_GCE, VMSA_EIP_FIRST, EPYC, 1}, "f9e03177dad7f4819ee193af7cfb7050"},
        {{VMSA_GCE, 0x80b004, EPYC, 1}, "5302d262c88780a7a13159a327fa99cf"},
        {{VMSA_SVSM, 0xffc7a010, EPYC, 1}, "709f80cff50a11c18c6beefd7e103e2e"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t page[VMSA_LEN];
        uint8_t digest[48];
        char text[33];

        vmsa_write(&rows[i].vmsa, page);
        assert_int_equal(EVP_Digest(page, sizeof(page), digest, NULL, EVP_sha384(), NULL), 1);
        hex(digest, 16, text);
        assert_string_equal(text, rows[i].sha384);
    }
}

/* The arguments of a row, as that tool's tests write them. */
struct vector {
    const char *args;
    const char *digest;
};

static bool has(const struct vector *vector, const char *text)
{
    return strstr(vector->args, text) != NULL;
}

static unsigned vcpus_of(const struct vector *vector)
{
    const char *at = strstr(vector->args, "SEV_SNP, ");

    assert_non_null(at);
    return (unsigned)strtoul(at + strlen("SEV_SNP, "), NULL, 10);
}

static const char published_firmware[] = "086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2"
                                         "c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74";

static void unhex(uint8_t out[static MEASURE_LEN], const char *text)
{
    for (size_t i = 0; i < MEASURE_LEN; i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

        out[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
}

static void launch_vector(const char *dir, const struct vector *vector)
{
    char path[512];
    char text[2 * MEASURE_LEN + 1];
    uint8_t *file = NULL;
    size_t len = 0;
    struct ovmf ovmf;
    struct err err = {0};
    uint8_t digest[MEASURE_LEN];
    uint8_t firmware[MEASURE_LEN];
    struct measure_launch launch = {
        .ovmf = &ovmf,
        .has_kernel = !has(vector, "None, None, None"),
        .cmdline = has(vector, "console=ttyS0 loglevel=7") ? "console=ttyS0 loglevel=7" : "",
        .vcpus = vcpus_of(vector),
        .vmm = has(vector, "VMMType.gce")   ? VMSA_GCE
               : has(vector, "VMMType.ec2") ? VMSA_EC2
                                            : VMSA_QEMU,
        .signature = EPYC,
        .sev_features = has(vector, ", 0x21") ? 0x21 : 0x1,
    };

    snprintf(path, sizeof(path), "%s/measure/ovmf_%s_suffix.bin", dir,
             has(vector, "OvmfX64") ? "OvmfX64" : "AmdSev");
    assert_int_equal(file_read(path, OVMF_LEN_MAX, &file, &len, &err), 0);
    assert_int_equal(ovmf_read((struct bytes){file, len}, &ovmf, &err), 0);
    if (vector->digest[0] == '\0') { /* "should fail" */
        assert_int_equal(measure_launch(&launch, digest, &err), -1);
        assert_string_equal(err.msg, "firmware: no place for the hashes of a kernel");
    } else {
        assert_int_equal(measure_ovmf(&ovmf, firmware, &err), 0);
        if (has(vector, "snp_ovmf_hash_str") && !has(vector, "console=")) {
            unhex(firmware, published_firmware); /* of the whole file, whose end alone is here */
        } else {
            assert_int_equal(measure_launch(&launch, digest, &err), 0);
            hex(digest, sizeof(digest), text);
            assert_string_equal(text, vector->digest);
        }
        launch.ovmf_digest = firmware;
        assert_int_equal(measure_launch(&launch, digest, &err), 0);
        hex(digest, sizeof(digest), text);
        assert_string_equal(text, vector->digest);
    }
    free(file);
}

/* About EC2 another tool says otherwise: these rows show only that this one is followed. */
static bool is_ours(const struct vector *vector)
{
    return has(vector, "SevMode.SEV_SNP,") && !has(vector, "dump_vmsa");
}

/* Digests whose firmware and SVSM are not among the fixtures. */
static bool lacks_firmware(const struct vector *vector)
{
    return has(vector, "SevMode.SEV_SNP_SVSM,") && vector->digest[0] != '\0';
}

static void published_digests_are_reproduced(void **state)
{
    const char *dir = getenv("LIFTGATE_FIXTURES");
    char path[512];
    uint8_t *text = NULL;
    size_t len = 0;
    struct err err;
    size_t num = 0;
    size_t num_lacking = 0;

    dir = dir != NULL ? dir : LIFTGATE_FIXTURES_DEFAULT;
    snprintf(path, sizeof(path), "%s/measure/expected-digests.tsv", dir);
    if (file_read(path, 65536, &text, &len, &err) != 0) {
        printf("SKIP: measure: published_digests_are_reproduced: no %s\n", path);
        skip();
    }
    text[len - 1] = '\0'; /* the last line's end */
    for (char *line = (char *)text; line != NULL;) {
        char *next = strchr(line, '\n');
        char *args = strchr(line, '\t');
        char *digest = NULL;
        struct vector vector = {0};

        assert_non_null(args);
        digest = strchr(args + 1, '\t');
        assert_non_null(digest);
        if (next != NULL) {
            *next++ = '\0';
        }
        *args = '\0';
        *digest = '\0';
        vector = (struct vector){args + 1, digest + 1};
        if (is_ours(&vector)) {
            launch_vector(dir, &vector);
            num++;
        } else if (lacks_firmware(&vector)) {
            printf("SKIP: measure: %s: not reproducible here: svsm_ovmf.fd and svsm.bin are not "
                   "among the fixtures\n",
                   line);
            num_lacking++;
        }
        line = next;
    }
    assert_int_equal(num, 17);
    assert_int_equal(num_lacking, 2);
    free(text);
}

static void firmware_is_read_as_hostile_input(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t len;
        const char *message; /* NULL: accepted */
    } rows[] = {
        {0, "x", 1, NULL},
        {FIRMWARE_FOOTER + 2, "x", 1, "firmware: no table at its end: not OVMF, or not for SEV"},
        {FIRMWARE_FOOTER, "\x11\x00", 2, "firmware: its table is longer than the file"},
        {FIRMWARE_FOOTER, "\xff\xff", 2, "firmware: its table is longer than the file"},
        {FIRMWARE_FOOTER, "\x55\x00", 2, "firmware: a table entry has an impossible size"},
        {FIRMWARE_FOOTER, "\x12\x00", 2, "firmware: no metadata in its table"},
        {FIRMWARE_FOOTER, "\x28\x00", 2, "firmware: no reset address in its table"},
        {FIRMWARE_METADATA_ENTRY + 4, "\x11", 1, "firmware: a table entry has an impossible size"},
        {FIRMWARE_METADATA_ENTRY + 4, "\xff\xff", 2,
         "firmware: a table entry has an impossible size"},
        {FIRMWARE_METADATA_ENTRY + 4, "\x12", 1, "firmware: a table entry is too short"},
        {FIRMWARE_METADATA_ENTRY + 6, "x", 1, "firmware: no metadata in its table"},
        {0, "IGVM", 4, "firmware: an IGVM file, which is measured otherwise"},
        {FIRMWARE_RESET_ENTRY + 6,
         "\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc", 16,
         "firmware: a table entry stands twice"},
        {FIRMWARE_METADATA_ENTRY, "\x01\x10", 2, "firmware: its metadata is outside of the file"},
        {FIRMWARE_METADATA_ENTRY, "\x0f\x00", 2, "firmware: its metadata is outside of the file"},
        {FIRMWARE_METADATA, "B", 1, "firmware: no metadata of version 1"},
        {FIRMWARE_METADATA + 8, "\x02", 1, "firmware: no metadata of version 1"},
        {FIRMWARE_METADATA + 12, "\x41", 1, "firmware: 65 sections are too many"},
        {FIRMWARE_METADATA + 12, "\xff\xff\xff\xff", 4,
         "firmware: 4294967295 sections are too many"},
        {FIRMWARE_METADATA + 16, "\x01", 1,
         "firmware: a section at 0x800001 is not of whole pages"},
        {FIRMWARE_METADATA + 20, "\x00\x00", 2,
         "firmware: a section at 0x800000 is not of whole pages"},
        {FIRMWARE_METADATA + 24, "\x07", 1, "firmware: a section of unknown type 0x7"},
        {FIRMWARE_METADATA + 33, "\x20", 1, "firmware: the section at 0x801000 is not one page"},
        {FIRMWARE_METADATA + 45, "\x20", 1, "firmware: the section at 0x802000 is not one page"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t page[OVMF_PAGE];
        struct ovmf ovmf;
        struct err err = {0};

        firmware_make(page);
        memcpy(page + rows[i].at, rows[i].bytes, rows[i].len);
        if (rows[i].message == NULL) {
            assert_int_equal(ovmf_read((struct bytes){page, sizeof(page)}, &ovmf, &err), 0);
            assert_int_equal(ovmf.num_sections, 3);
            assert_int_equal(ovmf.reset_eip, 0x80b004);
            assert_true(ovmf.has_hash_table && ovmf.hash_table_gpa == 0x800c00);
        } else {
            assert_int_equal(ovmf_read((struct bytes){page, sizeof(page)}, &ovmf, &err), -1);
            assert_string_equal(err.msg, rows[i].message);
            assert_int_equal(err.code, ERR_INVALID);
        }
        assert_int_equal(ovmf_read((struct bytes){page, sizeof(page) - 1}, &ovmf, &err), -1);
    }
}

static void an_svsm_is_measured_below_the_firmware(void **state)
{
    /* Made from the description of the format with other code. */
    static const char expected[] = "2eb380e5ba1b8cf03754ec392ae9b244c7ce8214a7d5e715"
                                   "9e91a26f43c2a8f725dc60b9725d0a1704d5225597f9baf3";
    uint8_t page[OVMF_PAGE];
    uint8_t image[FIRMWARE_SVSM_LEN];
    struct ovmf ovmf;
    struct ovmf svsm;
    struct err err = {0};
    uint8_t digest[MEASURE_LEN];
    char text[2 * MEASURE_LEN + 1];
    struct measure_launch launch = {
        .ovmf = &ovmf,
        .svsm = &svsm,
        .variables_len = 0x84000,
        .cmdline = "",
        .vcpus = 2,
        .vmm = VMSA_SVSM,
        .signature = EPYC,
        .sev_features = 1,
    };

    firmware_make(page);
    firmware_make_svsm(image);
    assert_int_equal(ovmf_read((struct bytes){page, sizeof(page)}, &ovmf, &err), 0);
    assert_int_equal(ovmf_read_svsm((struct bytes){image, sizeof(image)}, &svsm, &err), 0);
    assert_int_equal(measure_launch(&launch, digest, &err), 0);
    hex(digest, sizeof(digest), text);
    assert_string_equal(text, expected);
    launch.variables_len = 0x85000;
    assert_int_equal(measure_launch(&launch, digest, &err), 0);
    hex(digest, sizeof(digest), text);
    assert_string_not_equal(text, expected);
    launch.variables_len = 0x84001;
    assert_int_equal(measure_launch(&launch, digest, &err), -1);
    assert_string_equal(err.msg, "SVSM: 540673 bytes of variables are not whole pages");
    launch.variables_len = 0x84000;
    launch.has_kernel = true;
    assert_int_equal(measure_launch(&launch, digest, &err), -1);
    assert_string_equal(err.msg, "SVSM: it takes no kernel from the hypervisor");
}

static void what_is_no_svsm_is_refused(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t len;
        const char *message;
    } rows[] = {
        {OVMF_PAGE + FIRMWARE_RESET_ENTRY + 6, "x", 1, "SVSM: no entry in its table: not an SVSM"},
        {OVMF_PAGE + FIRMWARE_RESET_ENTRY, "\x00\x20", 2, "SVSM: its entry is outside of the file"},
        {OVMF_PAGE + FIRMWARE_RESET_ENTRY, "\xff\xff\xff\xff", 4,
         "SVSM: its entry is outside of the file"},
        {OVMF_PAGE + FIRMWARE_METADATA_ENTRY + 6, "x", 1,
         "SVSM: firmware: no metadata in its table"},
        {0, "IGVM", 4, "SVSM: firmware: an IGVM file, which is measured otherwise"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t image[FIRMWARE_SVSM_LEN];
        struct ovmf svsm;
        struct err err = {0};

        firmware_make_svsm(image);
        memcpy(image + rows[i].at, rows[i].bytes, rows[i].len);
        assert_int_equal(ovmf_read_svsm((struct bytes){image, sizeof(image)}, &svsm, &err), -1);
        assert_string_equal(err.msg, rows[i].message);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

/* Everything that a guest is launched with is in its digest. */
static void each_input_changes_the_digest(void **state)
{
    static const uint8_t one[] = {1};
    uint8_t page[OVMF_PAGE];
    struct ovmf ovmf;
    struct err err = {0};
    uint8_t digests[9][MEASURE_LEN];
    size_t num = 0;

    firmware_make(page);
    assert_int_equal(ovmf_read((struct bytes){page, sizeof(page)}, &ovmf, &err), 0);
    for (; num < 9; num++) {
        struct measure_launch launch = {
            .ovmf = &ovmf,
            .has_kernel = num > 0,
            .kernel = {one, num == 1 ? 1 : 0},
            .initrd = {one, num == 2 ? 1 : 0},
            .cmdline = num == 3 ? "ro" : "",
            .vcpus = num == 4 ? 2 : 1,
            .vmm = num == 7   ? VMSA_GCE
                   : num == 8 ? VMSA_EC2
                              : VMSA_QEMU,
            .signature = num == 5 ? 0x830f10 : EPYC,
            .sev_features = num == 6 ? 0x21 : 1,
        };

        assert_int_equal(measure_launch(&launch, digests[num], &err), 0);
        for (size_t i = 0; i < num; i++) {
            assert_memory_not_equal(digests[i], digests[num], MEASURE_LEN);
        }
    }
    firmware_put_entry(page, FIRMWARE_HASHES_ENTRY, 0x800f51,
                       "\x1f\x37\x55\x72\x3b\x3a\x04\x4b\x92\x7b"
                       "\x1d\xa6\xef\xa8\xd4\x54");
    assert_int_equal(ovmf_read((struct bytes){page, sizeof(page)}, &ovmf, &err), 0);
    assert_int_equal(
        measure_launch(
            &(struct measure_launch){.ovmf = &ovmf, .has_kernel = true, .cmdline = "", .vcpus = 1},
            digests[0], &err),
        -1);
    assert_string_equal(err.msg, "firmware: the hashes of a kernel do not fit the page");
}

/* Of two places one would be a kernel that nobody checks. */
static void a_kernel_has_one_place_for_its_hashes(void **state)
{
    static const uint8_t types[] = {OVMF_SEC_MEM, OVMF_KERNEL_HASHES};

    for (size_t i = 0; i < sizeof(types); i++) {
        uint8_t page[OVMF_PAGE];
        uint8_t digest[MEASURE_LEN];
        struct ovmf ovmf;
        struct err err = {.msg = ""};
        const struct measure_launch launch = {
            .ovmf = &ovmf, .has_kernel = true, .cmdline = "", .vcpus = 1};

        firmware_make(page);
        page[FIRMWARE_METADATA + 24] = types[i];
        page[FIRMWARE_METADATA + 36] = types[i];
        assert_int_equal(ovmf_read((struct bytes){page, sizeof(page)}, &ovmf, &err), 0);
        assert_int_equal(measure_launch(&launch, digest, &err), -1);
        assert_string_equal(err.msg, "firmware: no place for the hashes of a kernel");
    }
}

static void models_have_signatures_in_every_version(void **state)
{
    static const struct {
        const char *model;
        uint32_t signature;
    } rows[] = {
        {"EPYC", EPYC},
        {"EPYC-v4", EPYC},
        {"EPYC-v5", EPYC},
        {"EPYC-IBPB", EPYC},
        {"EPYC-Rome-v5", 0x830f10},
        {"EPYC-Milan-v3", 0xa00f11},
        {"EPYC-Genoa", 0xa10f10},
        {"EPYC-Turin-v12", 0xb00f00},
        {"", 0},
        {"EPY", 0},
        {"EPYC-v", 0},
        {"EPYC-vx", 0},
        {"EPYC-v1x", 0},
        {"EPYC-v123", 0},
        {"EPYC-Venice", 0},
        {"EPYC-Genoax", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(vmsa_signature(rows[i].model), rows[i].signature);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_start_as_is_known),
        cmocka_unit_test(published_digests_are_reproduced),
        cmocka_unit_test(firmware_is_read_as_hostile_input),
        cmocka_unit_test(an_svsm_is_measured_below_the_firmware),
        cmocka_unit_test(what_is_no_svsm_is_refused),
        cmocka_unit_test(each_input_changes_the_digest),
        cmocka_unit_test(a_kernel_has_one_place_for_its_hashes),
        cmocka_unit_test(models_have_signatures_in_every_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
