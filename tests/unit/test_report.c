/*
 * Report: the table of fields and the accessors; what the fields must hold is in
 * test_rule_report.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/report.h"
#include "tests/lib/specimen.h"

static void fields_rise_and_do_not_overlap(void **state)
{
    size_t end = 0;

    for (unsigned i = 0; i < REPORT_FIELDS; i++) {
        const struct report_field_info *info = report_field_info((enum report_field)i);

        assert_non_null(info->name);
        assert_true(info->offset >= end);
        assert_true(info->len > 0 && (!info->number || info->len <= 8));
        assert_true(info->version_min >= 2 && info->version_min <= 5);
        end = (size_t)info->offset + info->len;
    }
    assert_true(end <= REPORT_LEN);
}

static void only_the_exact_length_is_a_report(void **state)
{
    static const uint8_t bytes[REPORT_LEN + 1];
    struct report report = {NULL};

    assert_false(report_over((struct bytes){bytes, REPORT_LEN - 1}, &report));
    assert_false(report_over((struct bytes){bytes, REPORT_LEN + 1}, &report));
    assert_false(report_over((struct bytes){NULL, 0}, &report));
    assert_null(report.data);
    assert_true(report_over((struct bytes){bytes, REPORT_LEN}, &report));
    assert_ptr_equal(report.data, bytes);
}

static void fields_are_read_where_amd_puts_them(void **state)
{
    static const struct {
        enum report_field field;
        size_t offset;
        size_t len;
    } rows[] = {
        {REPORT_VERSION, 0x000, 4},      {REPORT_POLICY, 0x008, 8},
        {REPORT_VMPL, 0x030, 4},         {REPORT_CURRENT_TCB, 0x038, 8},
        {REPORT_REPORT_DATA, 0x050, 64}, {REPORT_MEASUREMENT, 0x090, 48},
        {REPORT_HOST_DATA, 0x0c0, 32},   {REPORT_ID_KEY_DIGEST, 0x0e0, 48},
        {REPORT_REPORT_ID, 0x140, 32},   {REPORT_REPORTED_TCB, 0x180, 8},
        {REPORT_CHIP_ID, 0x1a0, 64},     {REPORT_COMMITTED_TCB, 0x1e0, 8},
        {REPORT_LAUNCH_TCB, 0x1f0, 8},   {REPORT_SIGNATURE_R, 0x2a0, 72},
        {REPORT_SIGNATURE_S, 0x2e8, 72},
    };
    uint8_t bytes[REPORT_LEN];
    struct report report = {bytes};

    for (size_t i = 0; i < REPORT_LEN; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes field = report_bytes(report, rows[i].field);

        assert_ptr_equal(field.data, bytes + rows[i].offset);
        assert_int_equal(field.len, rows[i].len);
    }
    memcpy(bytes + 0x008, "\x01\x02\x03\x04\x05\x06\x07\x88", 8);
    assert_true(report_uint(report, REPORT_POLICY) == UINT64_C(0x8807060504030201));
    bytes[0x1e8] = 40; /* the build comes first */
    bytes[0x1e9] = 55;
    bytes[0x1ea] = 1;
    assert_int_equal(report_uint(report, REPORT_CURRENT_BUILD), 40);
    assert_int_equal(report_uint(report, REPORT_CURRENT_MINOR), 55);
    assert_int_equal(report_uint(report, REPORT_CURRENT_MAJOR), 1);
}

static void key_info_is_taken_apart(void **state)
{
    uint8_t bytes[REPORT_LEN] = {0};
    struct report report = {bytes};

    bytes[0x048] = 1;
    assert_true(report_author_key_enabled(report));
    assert_false(report_chip_key_masked(report));
    bytes[0x048] = 2;
    assert_false(report_author_key_enabled(report));
    assert_true(report_chip_key_masked(report));
    bytes[0x048] = 7 << 2;
    assert_int_equal(report_signing_key(report), SIGNING_KEY_NONE);
    assert_false(report_chip_known(report));
    bytes[0x1a0 + 63] = 1;
    assert_true(report_chip_known(report));
}

static void only_a_report_whose_signature_holds_is_verified(void **state)
{
    static const struct specimen_kind kind = {"Milan", 3, NULL};
    struct specimen *specimen = specimen_new(&kind);
    struct report report = {specimen->report};
    struct verified_report verified = {{NULL}};

    assert_false(report_authenticate(report, specimen->ask_key, &verified));
    specimen->report[0] ^= 1;
    assert_false(report_authenticate(report, specimen->vek_key, &verified));
    assert_null(verified.report.data);
    specimen->report[0] ^= 1;
    assert_true(report_authenticate(report, specimen->vek_key, &verified));
    assert_ptr_equal(verified.report.data, specimen->report);
    specimen_free(specimen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_rise_and_do_not_overlap),
        cmocka_unit_test(only_the_exact_length_is_a_report),
        cmocka_unit_test(fields_are_read_where_amd_puts_them),
        cmocka_unit_test(key_info_is_taken_apart),
        cmocka_unit_test(only_a_report_whose_signature_holds_is_verified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
