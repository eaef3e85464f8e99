/*
 * Little endian: the lowest byte comes first, and only as many are touched as were named.
 */
#include "attest/little_endian.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    uint64_t value;
    size_t len;
    uint8_t bytes[9];
} rows[] = {
    {0x81, 1, {0x81, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a}},
    {0x8001, 2, {0x01, 0x80, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a}},
    {0xfedcba98, 4, {0x98, 0xba, 0xdc, 0xfe, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a}},
    {UINT64_C(0xfedcba9876543210), 8, {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x5a}},
};
#define NUM_ROWS (sizeof(rows) / sizeof(rows[0]))

static void numbers_are_read_from_the_lowest_byte_on(void **state)
{
    for (size_t i = 0; i < NUM_ROWS; i++) {
        assert_true(little_endian_read(rows[i].bytes, rows[i].len) == rows[i].value);
        assert_true(rows[i].len != 4 || little_endian_u32(rows[i].bytes) == rows[i].value);
    }
}

static void numbers_are_written_into_their_bytes_alone(void **state)
{
    for (size_t i = 0; i < NUM_ROWS; i++) {
        uint8_t bytes[] = {0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a};

        little_endian_write(bytes, rows[i].value, rows[i].len);
        assert_memory_equal(bytes, rows[i].bytes, sizeof(bytes));
    }
}

static void what_does_not_fit_is_left_out(void **state)
{
    uint8_t bytes[] = {0, 0, 0x5a};

    little_endian_write(bytes, 0x123456, 2);
    assert_memory_equal(bytes, "\x56\x34\x5a", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_from_the_lowest_byte_on),
        cmocka_unit_test(numbers_are_written_into_their_bytes_alone),
        cmocka_unit_test(what_does_not_fit_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
