/*
 * Counters: every one has a name that fits the metrics format, and the histogram adds up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proxy/counters.h"

static void every_counter_has_a_row_of_its_own(void **state)
{
    static char seen[COUNTERS][160];

    for (unsigned i = 0; i < COUNTERS; i++) {
        char labels[64] = "";
        struct counter_info info = counter_info((enum counter)i, labels);

        assert_non_null(info.metric);
        assert_int_equal(strncmp(info.metric, "liftgate_", 9), 0);
        assert_true(strlen(info.help) > 0);
        assert_true(strcmp(info.type, "counter") == 0 || strcmp(info.type, "gauge") == 0 ||
                    strcmp(info.type, "histogram") == 0);
        (void)snprintf(seen[i], sizeof(seen[i]), "%s{%s}", info.metric, info.labels);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(seen[k], seen[i]);
        }
    }
    assert_string_equal(seen[COUNTER_CLOSED + REASON_CLEAN],
                        "liftgate_closed_total{reason=\"clean\"}");
}

static void buckets_are_cumulative(void **state)
{
    static const struct {
        uint64_t ms;
        unsigned first; /* the first bucket that counts it */
    } rows[] = {{0, 0}, {1, 0}, {2, 1}, {50, 3}, {51, 4}, {1000, 6}, {1001, 7}, {1000000, 7}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct counters counters = {0};

        counters_handshake(&counters, rows[i].ms);
        for (unsigned k = 0; k < COUNTER_BUCKETS; k++) {
            assert_int_equal(counter_get(&counters, (enum counter)(COUNTER_HANDSHAKE_BUCKET + k)),
                             k >= rows[i].first);
        }
        assert_int_equal(counter_get(&counters, COUNTER_HANDSHAKE_COUNT), 1);
        assert_int_equal(counter_get(&counters, COUNTER_HANDSHAKE_SUM_MS), rows[i].ms);
    }
}

/* What no table knows has a place, too: the label comes from us, the text from elsewhere. */
static void every_denial_and_every_tee_is_counted(void **state)
{
    static const struct {
        const char *text;
        enum counter counter;
    } denials[] =
        {
            {"deny list", COUNTER_DENIED_LIST},
            {"spiffe", COUNTER_DENIED_SPIFFE},
            {"dns", COUNTER_DENIED_DNS},
            {"no attestation result", COUNTER_DENIED_CLAIMS},
            {"attestation result does not affirm", COUNTER_DENIED_STATUS},
            {"tee", COUNTER_DENIED_TEE},
            {"measurement", COUNTER_DENIED_MEASUREMENT},
            {"tcb", COUNTER_DENIED_TCB},
            {"epoch", COUNTER_DENIED_EPOCH},
            {"no rule", COUNTER_DENIED_OTHER},
        },
      tees[] = {
          {"", COUNTER_PEERS_NONE},   {"snp", COUNTER_PEERS_SNP},        {"tdx", COUNTER_PEERS_TDX},
          {"sim", COUNTER_PEERS_SIM}, {"sev\"} 1", COUNTER_PEERS_OTHER},
      };

    for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++) {
        assert_int_equal(counter_of_denial(denials[i].text), denials[i].counter);
    }
    for (size_t i = 0; i < sizeof(tees) / sizeof(tees[0]); i++) {
        assert_int_equal(counter_of_tee(tees[i].text), tees[i].counter);
    }
}

static void gauges_go_both_ways(void **state)
{
    struct counters counters = {0};

    counter_add(&counters, COUNTER_ACCEPT_PAUSED, 2);
    counter_sub(&counters, COUNTER_ACCEPT_PAUSED, 1);
    assert_int_equal(counter_get(&counters, COUNTER_ACCEPT_PAUSED), 1);
    counter_set(&counters, COUNTER_ACCEPT_PAUSED, 7);
    assert_int_equal(counter_get(&counters, COUNTER_ACCEPT_PAUSED), 7);
}

static void a_sum_adds_each_value(void **state)
{
    struct counters sum = {0};
    struct counters counters = {0};

    counter_set(&counters, COUNTER_BYTES_IN, 5);
    counter_set(&counters, (enum counter)(COUNTERS - 1), 1);
    counters_sum(&sum, &counters);
    counters_sum(&sum, &counters);
    assert_int_equal(counter_get(&sum, COUNTER_BYTES_IN), 10);
    assert_int_equal(counter_get(&sum, (enum counter)(COUNTERS - 1)), 2);
    assert_int_equal(counter_get(&sum, COUNTER_BYTES_OUT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_has_a_row_of_its_own),
        cmocka_unit_test(buckets_are_cumulative),
        cmocka_unit_test(every_denial_and_every_tee_is_counted),
        cmocka_unit_test(gauges_go_both_ways),
        cmocka_unit_test(a_sum_adds_each_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
