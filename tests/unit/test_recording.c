/*
 * Recording: what is read back, what is refused, and what compare and report make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/figure.h"
#include "bench/recording.h"
#include "bench/report.h"
#include "common/err.h"

#define TEXT_CAP 2048

/* Results with what a test puts into them. */
static const struct parts {
    const char *format;
    const char *started;
    const char *scenario;
    const char *environment;
    const char *name;
    const char *metrics;
    const char *curve;
} sound = {
    "1",
    "2026-01-01T00:00:00Z",
    "{\"name\":\"rr\",\"connections\":\"32\"}",
    "{\"kind\":\"vm\",\"cpu\":\"one & <only>\"}",
    "direct",
    "{\"p50\":{\"unit\":\"us\",\"values\":[10,11,12]},\"busy\":{\"unit\":\"\",\"values\":[0.5]}}",
    "[[50,10],[99.9,20],[100,30]]",
};

static struct recording *parse(const struct parts *parts, struct err *err)
{
    char text[TEXT_CAP];
    int len = snprintf(text, sizeof(text),
                       "{\"format\":%s,\"started\":\"%s\",\"scenario\":%s,"
                       "\"environment\":%s,\"targets\":[{\"name\":\"%s\",\"metrics\":%s,"
                       "\"curve\":%s}]}",
                       parts->format, parts->started, parts->scenario, parts->environment,
                       parts->name, parts->metrics, parts->curve);

    assert_in_range(len, 1, TEXT_CAP - 1);
    return recording_parse("x.json", text, (size_t)len, err);
}

static void what_was_written_is_read_back(void **state)
{
    struct err err;
    struct recording *recording = parse(&sound, &err);
    const struct recording_target *target = NULL;
    const struct recording_metric *metric = NULL;

    assert_non_null(recording);
    assert_string_equal(recording->name, "rr");
    target = recording_target(&recording->steps[0], "direct");
    assert_non_null(target);
    metric = recording_metric(target, "p50");
    assert_non_null(metric);
    assert_int_equal(metric->num, 3);
    assert_true(metric->values[2] > 11.9 && metric->values[2] < 12.1);
    assert_int_equal(target->num_points, 3);
    assert_null(recording_metric(target, "p5"));
    assert_null(recording_target(&recording->steps[0], "other"));
    recording_free(recording);
}

/* What liftgate-bench scale writes, with the given axis. */
static struct recording *parse_scale(const char *axis, struct err *err)
{
    char text[TEXT_CAP];
    int len = snprintf(text, sizeof(text),
                       "{\"format\":1,\"started\":\"\",\"scenario\":{\"name\":\"grow\"},"
                       "\"environment\":{},\"steps\":["
                       "{\"axis\":\"%s\",\"value\":10,\"targets\":[{\"name\":\"a\",\"metrics\":"
                       "{\"cpu.a\":{\"unit\":\"us\",\"values\":[3]}}}]},"
                       "{\"axis\":\"%s\",\"value\":100,\"targets\":[{\"name\":\"a\",\"metrics\":"
                       "{\"cpu.a\":{\"unit\":\"us\",\"values\":[5,4]}}}]}]}",
                       axis, axis);

    assert_in_range(len, 1, TEXT_CAP - 1);
    return recording_parse("x.json", text, (size_t)len, err);
}

static void steps_of_a_scale_become_lines(void **state)
{
    struct err err;
    struct recording *recording = parse_scale("connections", &err);
    char *script = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&script, &len);

    assert_non_null(recording);
    assert_non_null(out);
    assert_true(recording_is_scale(recording));
    assert_int_equal(recording->num_steps, 2);
    assert_false(figure_growth(recording, "size", "cpu", out));
    assert_false(figure_growth(recording, "connections", "p99", out));
    assert_true(figure_growth(recording, "connections", "cpu", out));
    fclose(out);
    assert_non_null(strstr(script, "\n10.000000 3.000000 3.000000 3.000000\n"
                                   "100.000000 4.500000 4.000000 5.000000\ne\n"));
    assert_int_equal(compare_print(recording, recording, stdout, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    free(script);
    recording_free(recording);
    assert_null(parse_scale("a'", &err));
    assert_string_equal(err.msg, "x.json: steps: no axis, or one of other letters");
}

static void what_several_processes_cost_is_added_up(void **state)
{
    struct parts parts = sound;
    struct err err;
    struct recording *recording = NULL;
    char *script = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&script, &len);

    parts.metrics = "{\"cpu.egress\":{\"unit\":\"us\",\"values\":[10,20,30]},"
                    "\"cpu.ingress\":{\"unit\":\"us\",\"values\":[3,2,1]},"
                    "\"cpus\":{\"unit\":\"us\",\"values\":[500]}}";
    recording = parse(&parts, &err);
    assert_non_null(recording);
    assert_non_null(out);
    assert_true(figure_bars(&recording->steps[0], "cpu", out));
    assert_false(figure_bars(&recording->steps[0], "memory", out));
    fclose(out);
    assert_non_null(strstr(script, "\n0 direct 22.000000 13.000000 31.000000\n"));
    free(script);
    recording_free(recording);
}

static void other_files_are_refused_with_the_reason(void **state)
{
    static const struct {
        struct parts parts;
        const char *said;
    } rows[] = {
        {{.format = "2"}, "x.json: format: need 1"},
        {{.format = "\"1\""}, "x.json: format: need 1"},
        {{.started = "\\u001b[31m"}, "x.json: no results of liftgate-bench"},
        {{.scenario = "{}"}, "x.json: no results of liftgate-bench"},
        {{.environment = "[]"}, "x.json: no results of liftgate-bench"},
        {{.name = ""}, "x.json: targets: no name, or one of other letters"},
        {{.name = "a\",\"metrics\":{}},{\"name\":\"a"}, "x.json: a: twice"},
        {{.name = "a b"}, "x.json: targets: no name, or one of other letters"},
        {{.name = "a'"}, "x.json: targets: no name, or one of other letters"},
        {{.name = "<b>"}, "x.json: targets: no name, or one of other letters"},
        {{.name = "a\\u0000b"}, "x.json:1: \\u0000 is not allowed without JSON_ALLOW_NUL"},
        {{.metrics = "[]"}, "x.json: direct: metrics: need an object of at most 192"},
        {{.metrics = "{\"p50\":{\"values\":[1]}}"},
         "x.json: direct: metrics: a name or unit of other letters"},
        {{.metrics = "{\"p'50\":{\"unit\":\"us\",\"values\":[1]}}"},
         "x.json: direct: metrics: a name or unit of other letters"},
        {{.metrics = "{\"p50\":{\"unit\":\"us\",\"values\":[]}}"},
         "x.json: direct: p50: need 1 to 1000 values"},
        {{.metrics = "{\"p50\":{\"unit\":\"us\",\"values\":[\"1\"]}}"},
         "x.json: direct: p50: need numbers"},
        {{.curve = "[[1]]"}, "x.json: direct: curve: need pairs of numbers"},
        {{.curve = "["}, "x.json:1: unexpected token near '}'"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parts parts = sound;
        struct err err;

        parts.format = rows[i].parts.format != NULL ? rows[i].parts.format : sound.format;
        parts.started = rows[i].parts.started != NULL ? rows[i].parts.started : sound.started;
        parts.scenario = rows[i].parts.scenario != NULL ? rows[i].parts.scenario : sound.scenario;
        parts.environment =
            rows[i].parts.environment != NULL ? rows[i].parts.environment : sound.environment;
        parts.name = rows[i].parts.name != NULL ? rows[i].parts.name : sound.name;
        parts.metrics = rows[i].parts.metrics != NULL ? rows[i].parts.metrics : sound.metrics;
        parts.curve = rows[i].parts.curve != NULL ? rows[i].parts.curve : sound.curve;
        assert_null(parse(&parts, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(strncmp(err.msg, rows[i].said, strlen(rows[i].said)), 0);
    }
}

/* What compare_print() says; the caller frees it. */
static char *compare(const struct parts *from, const struct parts *to)
{
    struct err err;
    struct recording *a = parse(from, &err);
    struct recording *b = parse(to, &err);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(out);
    if (compare_print(a, b, out, &err) != 0) {
        fputs(err.msg, out);
    }
    fclose(out);
    recording_free(a);
    recording_free(b);
    return text;
}

static void a_comparison_says_what_is_significant(void **state)
{
    struct parts to = sound;
    char *text = NULL;

    to.environment = "{\"kind\":\"sev-snp\",\"cpu\":\"one & <only>\"}";
    to.metrics = "{\"p50\":{\"unit\":\"us\",\"values\":[21,22,23]},"
                 "\"busy\":{\"unit\":\"\",\"values\":[0.5]}}";
    text = compare(&sound, &to);
    assert_non_null(strstr(text, "kind\n  a \"vm\"\n  b \"sev-snp\"\n"));
    assert_null(strstr(text, "cpu"));
    assert_non_null(strstr(text, "+100.0 %  (+"));
    assert_null(strstr(text, "not significant"));
    assert_non_null(strstr(text, "too few values"));
    free(text);
    text = compare(&sound, &sound);
    assert_non_null(strstr(text, "+0.0 %"));
    assert_non_null(strstr(text, "not significant"));
    free(text);
}

static void what_only_one_of_the_two_has_is_said(void **state)
{
    struct parts to = sound;
    char *text = NULL;

    to.metrics =
        "{\"p50\":{\"unit\":\"us\",\"values\":[0,0]},\"p90\":{\"unit\":\"us\",\"values\":[1]}}";
    text = compare(&sound, &to);
    assert_non_null(strstr(text, "direct           busy                     only in a\n"));
    assert_non_null(strstr(text, "direct           p90                      only in b\n"));
    free(text);
    text = compare(&to, &sound);
    assert_non_null(strstr(text, "no ratio"));
    free(text);
    to.name = "other";
    text = compare(&sound, &to);
    assert_non_null(strstr(text, "direct           only in a\nother            only in b\n"));
    free(text);
}

static void other_units_are_not_compared(void **state)
{
    struct parts to = sound;
    char *text = NULL;

    to.metrics = "{\"p50\":{\"unit\":\"ms\",\"values\":[21,22,23]}}";
    text = compare(&sound, &to);
    assert_non_null(strstr(text, "direct: p50: us against ms"));
    free(text);
}

static void other_scenarios_are_not_compared(void **state)
{
    static const char *const others[] = {
        "{\"name\":\"rr\",\"connections\":\"1\"}",
        "{\"name\":\"rr\"}",
        "{\"name\":\"rr\",\"connections\":\"32\",\"rate\":\"1\"}",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct parts to = sound;
        char *text = NULL;

        to.scenario = others[i];
        text = compare(&sound, &to);
        assert_string_equal(text, i < 2 ? "not the same scenario: they differ in connections"
                                        : "not the same scenario: they differ in rate");
        free(text);
    }
}

/* A page without plots needs no gnuplot. */
static void a_page_escapes_what_it_shows(void **state)
{
    struct parts parts = sound;
    struct err err;
    struct recording *recording = NULL;
    const struct report_text text = {"a<b", "x < y && \"z\""};
    struct report report = {
        .recordings = &recording, .num_recordings = 1, .texts = &text, .num_texts = 1};
    char *page = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&page, &len);

    parts.metrics = "{\"other\":{\"unit\":\"us\",\"values\":[10]}}";
    parts.curve = "[]";
    recording = parse(&parts, &err);
    assert_non_null(recording);
    assert_non_null(out);
    assert_int_equal(report_write(&report, out, &err), 0);
    fclose(out);
    assert_non_null(strstr(page, "one &amp; &lt;only&gt;"));
    assert_non_null(
        strstr(page, "<summary>a&lt;b</summary><pre>x &lt; y &amp;&amp; &quot;z&quot;"));
    assert_non_null(strstr(page, "</html>"));
    free(page);
    recording_free(recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(steps_of_a_scale_become_lines),
        cmocka_unit_test(what_several_processes_cost_is_added_up),
        cmocka_unit_test(other_files_are_refused_with_the_reason),
        cmocka_unit_test(a_comparison_says_what_is_significant),
        cmocka_unit_test(what_only_one_of_the_two_has_is_said),
        cmocka_unit_test(other_units_are_not_compared),
        cmocka_unit_test(other_scenarios_are_not_compared),
        cmocka_unit_test(a_page_escapes_what_it_shows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
