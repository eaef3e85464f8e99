/*
 * Limits: kinds apart from each other, off, and when to come again.
 */
#include "ca/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"

static const struct bytes one = {(const uint8_t *)"one", 3};
static const struct bytes two = {(const uint8_t *)"two", 3};

static void each_kind_has_a_table_of_its_own(void **state)
{
    /* One in a minute each: no test is so slow that another one is due. */
    static const struct limits_rate rates[LIMIT_KINDS] = {
        {1, 60, 1}, {1, 60, 2}, {1, 60, 3}, {1, 60, 4}};
    struct err err = {0};
    struct limits *limits = limits_new(rates, &err);
    unsigned retry_s = 0;

    assert_non_null(limits);
    for (unsigned i = 0; i < LIMIT_KINDS; i++) {
        for (uint64_t k = 0; k < rates[i].burst; k++) {
            assert_true(limits_admit(limits, (enum limit)i, one, &retry_s));
        }
        assert_int_equal(retry_s, 0);
        assert_false(limits_admit(limits, (enum limit)i, one, &retry_s));
        assert_in_range(retry_s, 1, 60);
        assert_true(limits_admit(limits, (enum limit)i, two, &retry_s));
        retry_s = 0;
    }
    limits_free(limits);
}

static void a_rate_of_zero_limits_nothing(void **state)
{
    static const struct limits_rate rates[LIMIT_KINDS] = {[LIMIT_NONCE] = {0, 1, 1},
                                                          [LIMIT_ENROL] = {1, 60, 1},
                                                          [LIMIT_CHIP] = {0, 60, 1},
                                                          [LIMIT_KEY] = {0, 60, 1}};
    struct err err = {0};
    struct limits *limits = limits_new(rates, &err);
    unsigned retry_s = 0;

    assert_non_null(limits);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(limits_admit(limits, LIMIT_NONCE, one, &retry_s));
        assert_true(limits_admit(limits, LIMIT_CHIP, one, &retry_s));
        assert_true(limits_admit(limits, LIMIT_KEY, one, &retry_s));
        assert_true(limits_admit(NULL, LIMIT_ENROL, one, &retry_s));
    }
    assert_true(limits_admit(limits, LIMIT_ENROL, one, &retry_s));
    assert_false(limits_admit(limits, LIMIT_ENROL, one, &retry_s));
    limits_free(limits);
}

/* Retry-After has whole seconds: never 0, which would be none. */
static void less_than_a_second_is_one(void **state)
{
    static const struct limits_rate rates[LIMIT_KINDS] = {[LIMIT_NONCE] = {1000, 1, 1}};
    struct err err = {0};
    struct limits *limits = limits_new(rates, &err);
    unsigned retry_s = 0;

    assert_non_null(limits);
    while (limits_admit(limits, LIMIT_NONCE, one, &retry_s)) {
    }
    assert_int_equal(retry_s, 1);
    limits_free(limits);
}

static void every_kind_has_a_name(void **state)
{
    static const char *const names[LIMIT_KINDS] = {"nonce", "enrolment", "chip", "key"};

    for (unsigned i = 0; i < LIMIT_KINDS; i++) {
        assert_string_equal(limit_name((enum limit)i), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_a_table_of_its_own),
        cmocka_unit_test(a_rate_of_zero_limits_nothing),
        cmocka_unit_test(less_than_a_second_is_one),
        cmocka_unit_test(every_kind_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
