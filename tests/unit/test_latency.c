/*
 * Latency: percentiles are never below the truth and at most 1/64 above it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bench/latency.h"

static int make(void **state)
{
    *state = calloc(1, sizeof(struct latency));
    return *state == NULL;
}

static int drop(void **state)
{
    free(*state);
    return 0;
}

static void no_samples_give_zero(void **state)
{
    const struct latency *latency = *state;

    assert_int_equal(latency_percentile(latency, 500), 0);
    assert_int_equal(latency_percentile(latency, 1000), 0);
}

static void one_sample_is_every_percentile(void **state)
{
    struct latency *latency = *state;

    latency_add(latency, 123456789);
    assert_int_equal(latency_percentile(latency, 1), 123456789);
    assert_int_equal(latency_percentile(latency, 500), 123456789);
    assert_int_equal(latency_percentile(latency, 1000), 123456789);
}

static void every_value_has_a_bucket_that_is_close(void **state)
{
    static const uint64_t rows[] = {0,
                                    1,
                                    127,
                                    128,
                                    129,
                                    191,
                                    192,
                                    255,
                                    256,
                                    1000,
                                    999999,
                                    1000000,
                                    65535,
                                    1 << 20,
                                    (1 << 20) + 1,
                                    4000000000,
                                    UINT64_MAX / 2,
                                    UINT64_MAX};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct latency *latency = *state;
        uint64_t found = 0;

        *latency = (struct latency){0};
        latency_add(latency, rows[i]);
        /* A greater sample, so that the exact maximum does not hide the bucket. */
        latency_add(latency, UINT64_MAX);
        found = latency_percentile(latency, 500);
        assert_true(found >= rows[i]);
        assert_true(found - rows[i] <= rows[i] / 64);
    }
}

static void percentiles_count_from_the_least(void **state)
{
    struct latency *latency = *state;
    struct latency *other = calloc(1, sizeof(*other));

    assert_non_null(other);
    for (uint64_t i = 1; i <= 50; i++) {
        latency_add(latency, i);
        latency_add(other, 50 + i);
    }
    latency_merge(latency, other);
    free(other);
    assert_int_equal(latency->count, 100);
    assert_int_equal(latency->max_ns, 100);
    assert_int_equal(latency_percentile(latency, 10), 1);
    assert_int_equal(latency_percentile(latency, 500), 50);
    assert_int_equal(latency_percentile(latency, 501), 51);
    assert_int_equal(latency_percentile(latency, 990), 99);
    assert_int_equal(latency_percentile(latency, 1000), 100);
}

#define LATENCY_TEST(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LATENCY_TEST(no_samples_give_zero),
        LATENCY_TEST(one_sample_is_every_percentile),
        LATENCY_TEST(every_value_has_a_bucket_that_is_close),
        LATENCY_TEST(percentiles_count_from_the_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
