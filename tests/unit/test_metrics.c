/*
 * Tests of metrics: the exposition format, and that every counter is in it once.
 */
#include "proxy/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char text[65536];
static const struct deny_file_status deny_status = {.num_ok = 3, .num_failed = 2, .num_entries = 7};

static void render(const struct metrics_facts *facts)
{
    struct buf out = buf_over(text, sizeof(text) - 1);

    assert_true(metrics_render(facts, &out));
    text[out.len] = '\0';
}

static size_t count(const char *part)
{
    size_t num = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        num++;
    }
    return num;
}

static void r45_each_counter_has_one_line_and_each_metric_one_head(void **state)
{
    static struct counters counters;
    const struct enrolment_status status = {0};
    const struct metrics_facts facts = {
        .counters = &counters, .enrolment = &status, .deny = &deny_status};

    for (unsigned i = 0; i < COUNTERS; i++) {
        counter_set(&counters, (enum counter)i, 1000 + i);
    }
    render(&facts);
    for (unsigned i = 0; i < COUNTERS; i++) {
        char labels[64];
        char line[256];
        struct counter_info info = counter_info((enum counter)i, labels);

        if (i == COUNTER_CLOSED + REASON_NONE) {
            continue;
        }
        snprintf(line, sizeof(line), info.labels[0] != '\0' ? "\n%s{%s} " : "\n%s%s ", info.metric,
                 info.labels);
        if (count(line) != 1) {
            fail_msg("%zu times: %s", count(line), line + 1);
        }
    }
    assert_int_equal(count("# TYPE liftgate_handshake_seconds histogram\n"), 1);
    assert_int_equal(count("# TYPE liftgate_closed_total counter\n"), 1);
    assert_int_equal(count("# TYPE "), count("# HELP "));
    assert_int_equal(count("reason=\"none\""), 0);
}

static void milliseconds_become_seconds(void **state)
{
    static struct counters counters;
    const struct enrolment_status status = {.clock_offset_ms = -1500};
    const struct metrics_facts facts = {
        .counters = &counters, .enrolment = &status, .deny = &deny_status};

    counter_set(&counters, COUNTER_HANDSHAKE_SUM_MS, 12034);
    render(&facts);
    assert_int_equal(count("\nliftgate_handshake_seconds_sum 12.034\n"), 1);
    assert_int_equal(count("\nliftgate_clock_offset_seconds -1.500\n"), 1);
}

static void the_identity_and_its_last_refusal_are_shown(void **state)
{
    static struct counters counters;
    const struct enrolment_status status = {
        .num_ok = 3, .num_failed = 2, .last_refusal = VERDICT_NO_POLICY_MATCH, .expired = true};
    const struct metrics_facts facts = {.counters = &counters,
                                        .deny = &deny_status,
                                        .enrolment = &status,
                                        .identity_not_after = 1790003600,
                                        .ready = true,
                                        .insecure_settings = 1,
                                        .sandbox = {.calls = true, .files_abi = 4}};

    render(&facts);
    assert_int_equal(count("\nliftgate_identity_not_after_seconds 1790003600\n"), 1);
    assert_int_equal(count("\nliftgate_identity_renewals_total{result=\"ok\"} 3\n"), 1);
    assert_int_equal(count("\nliftgate_identity_renewals_total{result=\"failed\"} 2\n"), 1);
    assert_int_equal(count("\nliftgate_last_refusal{code=\"no-policy-match\"} 1\n"), 1);
    assert_int_equal(count("\nliftgate_identity_expired 1\n"), 1);
    assert_int_equal(count("\nliftgate_ready 1\n"), 1);
    assert_int_equal(count("\nliftgate_insecure_settings 1\n"), 1);
    assert_int_equal(count("\nliftgate_sandbox_status{part=\"seccomp\"} 1\n"), 1);
    assert_int_equal(count("\nliftgate_sandbox_status{part=\"landlock\"} 4\n"), 1);
    assert_int_equal(count("\nliftgate_sandbox_status{part=\"not_root\"} 1\n"), 1);
    assert_int_equal(count("\nliftgate_sandbox_status{part=\"keys_locked\"} 0\n"), 1);
}

static void each_worker_shows_its_heartbeat_and_its_lag(void **state)
{
    static struct counters counters;
    const struct enrolment_status status = {0};
    const struct metrics_worker workers[] = {{90, 0, 1000}, {5123, 5023, 40}};
    const struct metrics_facts facts = {.counters = &counters,
                                        .enrolment = &status,
                                        .deny = &deny_status,
                                        .workers = workers,
                                        .num_workers = 2};

    render(&facts);
    assert_int_equal(count("\nliftgate_worker_heartbeat_age_seconds{worker=\"0\"} 0.090\n"), 1);
    assert_int_equal(count("\nliftgate_worker_heartbeat_age_seconds{worker=\"1\"} 5.123\n"), 1);
    assert_int_equal(count("\nliftgate_loop_lag_seconds{worker=\"1\"} 5.023\n"), 1);
    assert_int_equal(count("\nliftgate_loop_idle_ratio{worker=\"0\"} 1.000\n"), 1);
    assert_int_equal(count("\nliftgate_loop_idle_ratio{worker=\"1\"} 0.040\n"), 1);
}

static void what_does_not_fit_is_refused(void **state)
{
    static struct counters counters;
    const struct enrolment_status status = {0};
    const struct metrics_facts facts = {
        .counters = &counters, .enrolment = &status, .deny = &deny_status};
    struct buf out = buf_over(text, 4096);

    assert_false(metrics_render(&facts, &out));
}

static void the_process_knows_its_descriptors_and_memory(void **state)
{
    struct metrics_process before;
    struct metrics_process after;
    FILE *file = NULL;

    metrics_read_process(&before);
    file = fopen("/dev/null", "re");
    assert_non_null(file);
    metrics_read_process(&after);
    fclose(file);
    assert_int_equal(after.fd_open, before.fd_open + 1);
    assert_true(before.fd_max > 0 && before.resident_bytes > 0);
    assert_true(before.virtual_bytes >= before.resident_bytes);
    assert_in_range((uint64_t)before.start_time, (uint64_t)time(NULL) - 120,
                    (uint64_t)time(NULL) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r45_each_counter_has_one_line_and_each_metric_one_head),
        cmocka_unit_test(milliseconds_become_seconds),
        cmocka_unit_test(the_identity_and_its_last_refusal_are_shown),
        cmocka_unit_test(each_worker_shows_its_heartbeat_and_its_lag),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_process_knows_its_descriptors_and_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
