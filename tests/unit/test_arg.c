/*
 * Arg: values of the command line, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "attest/arg.h"
#include "common/err.h"

static void times_are_read_with_their_offset(void **state)
{
    static const struct {
        const char *text;
        int64_t time;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-09-21T13:33:20Z", 1790000000 - 2400},
        {"2026-09-21t15:33:20+02:00", 1790000000 - 2400},
        {"2024-02-29T00:00:00-00:30", 1709164800 + 1800},
    };
    static const char *const bad[] = {
        "",
        "2026-09-21",
        "2026-09-21 13:33:20Z",
        "2026-09-21T13:33:20",
        "2026-9-21T13:33:20Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00+1:00",
        "now",
    };
    struct err err;
    int64_t time = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(arg_time(rows[i].text, &time, &err), 0);
        assert_true(time == rows[i].time);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (arg_time(bad[i], &time, &err) == 0) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void hexadecimal_is_padded_with_zeros(void **state)
{
    static const char *const bad[] = {"", "0", "0g", "0x00", "00 0", "0102030405"};
    uint8_t out[4] = {9, 9, 9, 9};
    struct err err;
    size_t len = 0;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(arg_hex(bad[i], sizeof(out), out, &len, &err), -1);
    }
    assert_int_equal(out[0], 9);
    assert_int_equal(arg_hex("aBcD", sizeof(out), out, &len, &err), 0);
    assert_int_equal(len, 2);
    assert_memory_equal(out, "\xab\xcd\x00\x00", 4);
}

static void numbers_are_decimal_and_bounded(void **state)
{
    static const char *const bad[] = {"", "4", "-1", "+1", "0x1", "1 ", "99999999999999999999"};
    struct err err;
    unsigned number = 0;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(arg_number(bad[i], 3, &number, &err), -1);
        assert_string_equal(err.msg, "need a number from 0 to 3");
    }
    assert_int_equal(arg_number("3", 3, &number, &err), 0);
    assert_int_equal(number, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_with_their_offset),
        cmocka_unit_test(hexadecimal_is_padded_with_zeros),
        cmocka_unit_test(numbers_are_decimal_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
