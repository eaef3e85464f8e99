/*
 * Results: what was added is what is written, with its statistics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/results.h"
#include "common/err.h"

static const char text[] = "[load]\nworkload = request\nconnections = 8\n"
                           "[target direct]\nconnect = 127.0.0.1:1\n"
                           "[target through]\nconnect = 127.0.0.1:2\n";

static int make(void **state)
{
    struct err err;
    struct scenario *scenario = scenario_parse("s.ini", text, strlen(text), &err);
    struct results *results = scenario != NULL ? results_new(scenario, "s") : NULL;

    *state = results;
    return results == NULL;
}

static int drop(void **state)
{
    struct results *results = *state;
    const struct scenario *scenario = results->scenario;
    void *whole = NULL;

    results_free(results);
    memcpy(&whole, &scenario, sizeof(whole)); /* ours again */
    scenario_free(whole);
    return 0;
}

static void add(struct results_target *target, const char *name, const char *detail, double value)
{
    const struct results_value row = {name, detail, "us", RESULTS_LESS, value};
    struct err err;

    assert_int_equal(results_add(target, &row, &err), 0);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void the_json_has_every_value_and_its_interval(void **state)
{
    struct results *results = *state;
    json_t *json = NULL;
    const json_t *target = NULL;
    const json_t *metric = NULL;

    for (int i = 1; i <= 5; i++) {
        add(&results->targets[1], "cpu", "sidecar", i);
    }
    latency_add(&results->targets[1].latency, 5000);
    results->targets[1].refuses_strangers = true;
    results->started = 1764028800;
    json = results_json(results, json_pack("{s:s}", "kind", "vm"));
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "started")),
                        "2025-11-25T00:00:00Z");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "scenario"), "connections")), "8");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "environment"), "kind")), "vm");
    assert_int_equal(json_array_size(json_object_get(json, "targets")), 2);
    target = json_array_get(json_object_get(json, "targets"), 1);
    assert_string_equal(json_string_value(json_object_get(target, "name")), "through");
    assert_string_equal(json_string_value(json_object_get(target, "stranger")), "refused");
    metric = json_object_get(json_object_get(target, "metrics"), "cpu.sidecar");
    assert_int_equal(json_array_size(json_object_get(metric, "values")), 5);
    assert_string_equal(json_string_value(json_object_get(metric, "better")), "less");
    assert_true(fabs(number(metric, "median") - 3) < 1e-9);
    assert_true(fabs(number(metric, "low") - 1.037) < 1e-3);
    assert_true(fabs(number(metric, "high") - 4.963) < 1e-3);
    assert_true(json_array_size(json_object_get(target, "curve")) > 10);
    json_decref(json);
}

static void the_table_has_a_line_for_each_target(void **state)
{
    struct results *results = *state;
    char *out = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&out, &len);

    assert_non_null(file);
    add(&results->targets[0], "p50", "", 12.34);
    add(&results->targets[1], "p50", "", 56.78);
    add(&results->targets[1], "cpu", "sidecar", 9.5);
    results_print(results, file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(out, "direct                   12.3\n"));
    assert_non_null(strstr(out, "through                  56.8\n"));
    assert_non_null(strstr(out, "through          cpu.sidecar                            9.50 us"));
    assert_null(strstr(out, "p99"));
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_json_has_every_value_and_its_interval, make, drop),
        cmocka_unit_test_setup_teardown(the_table_has_a_line_for_each_target, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
