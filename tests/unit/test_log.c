/*
 * Log: a line is one line, whatever a peer put into its values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/log.h"

#define NOW_MS INT64_C(1790000000125)
#define NOW_TEXT "2026-09-21T14:13:20.125Z"

static void facts_stand_behind_the_event(void **state)
{
    const struct log_kv kvs[] = {kv_num("conn", 42), kv_text("sni", "api.example"),
                                 kv_num("low", INT64_MIN)};
    char line[LOG_LINE_CAP];
    size_t len = 0;

    len = log_line(line, sizeof(line), LOG_TEXT,
                   &(struct log_record){LOG_INFO, NOW_MS, "conn.ready", kvs, 3});
    assert_string_equal(line, NOW_TEXT
                        " info conn.ready conn=42 sni=api.example low=-9223372036854775808");
    assert_int_equal(len, strlen(line));
    len = log_line(line, sizeof(line), LOG_JSON,
                   &(struct log_record){LOG_INFO, NOW_MS, "conn.ready", kvs, 2});
    assert_string_equal(line,
                        "{\"time\":\"" NOW_TEXT "\",\"level\":\"info\",\"event\":\"conn.ready\","
                        "\"conn\":42,\"sni\":\"api.example\"}");
    assert_int_equal(len, strlen(line));
}

static void text_from_outside_cannot_forge_a_line(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"plain", "plain"},
        {NULL, "\"\""},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"\"", "\"\\\"\""},
        {"\\", "\"\\\\\""},
        {"a\nb", "\"a\\u000ab\""},
        {"\r\t\x1b[2J", "\"\\u000d\\u0009\\u001b[2J\""},
        {"\x7f\x80\xff", "\"\\u007f\\u0080\\u00ff\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct log_kv kv = kv_text("k", rows[i].text);
        char expected[128];
        char line[LOG_LINE_CAP];
        json_t *json = NULL;

        snprintf(expected, sizeof(expected), NOW_TEXT " warn a.b k=%s", rows[i].expected);
        log_line(line, sizeof(line), LOG_TEXT,
                 &(struct log_record){LOG_WARN, NOW_MS, "a.b", &kv, 1});
        assert_string_equal(line, expected);

        log_line(line, sizeof(line), LOG_JSON,
                 &(struct log_record){LOG_WARN, NOW_MS, "a.b", &kv, 1});
        json = json_loads(line, 0, NULL);
        assert_non_null(json);
        assert_non_null(json_string_value(json_object_get(json, "k")));
        json_decref(json);
    }
}

static void a_value_that_does_not_fit_is_left_out_and_the_line_says_so(void **state)
{
    char text[LOG_LINE_CAP];
    char line[LOG_LINE_CAP];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    /* Every length around the edge, in both forms. */
    for (size_t start = 0; start < sizeof(text); start++) {
        const struct log_kv kvs[] = {kv_num("first", 1), kv_text("long", text + start)};
        json_t *json = NULL;
        size_t len = 0;
        bool cut = false;

        len = log_line(line, LOG_LINE_MIN, LOG_JSON,
                       &(struct log_record){LOG_INFO, NOW_MS, "a.b", kvs, 2});
        assert_true(len < LOG_LINE_MIN);
        json = json_loads(line, 0, NULL);
        assert_non_null(json);
        assert_int_equal(json_integer_value(json_object_get(json, "first")), 1);
        cut = json_is_true(json_object_get(json, "cut"));
        assert_int_equal(json_object_get(json, "long") == NULL, cut);
        assert_true(cut || start > sizeof(text) - LOG_LINE_MIN);
        json_decref(json);

        len = log_line(line, LOG_LINE_MIN, LOG_TEXT,
                       &(struct log_record){LOG_INFO, NOW_MS, "a.b", kvs, 2});
        assert_true(len < LOG_LINE_MIN);
        assert_int_equal(strstr(line, "long=") == NULL, strstr(line, " cut=true") != NULL);
    }
}

static void lines_below_the_level_are_dropped(void **state)
{
    char path[] = "/tmp/liftgate-log-XXXXXX";
    char text[512] = {0};
    int file = mkstemp(path);
    int saved = dup(STDERR_FILENO);

    assert_true(file >= 0 && saved >= 0);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    log_setup(LOG_WARN, LOG_TEXT);
    assert_true(log_wants(LOG_ERROR));
    assert_true(log_wants(LOG_WARN));
    assert_false(log_wants(LOG_INFO));
    log_info("a.dropped", kv_num("n", 1));
    log_warn("a.kept", kv_num("n", 2));
    log_setup(LOG_DEBUG, LOG_JSON);
    log_debug("a.debug", kv_num("n", 3));
    log_setup(LOG_INFO, LOG_TEXT);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);

    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    close(file);
    unlink(path);
    assert_null(strstr(text, "a.dropped"));
    assert_non_null(strstr(text, "Z warn a.kept n=2\n{\"time\":\""));
    assert_non_null(strstr(text, "\"level\":\"debug\",\"event\":\"a.debug\",\"n\":3}\n"));
}

#define PIECE 4096 /* of a pipe: what one read sets free */

static void a_reader_that_has_stopped_holds_nobody_up(void **state)
{
    int saved = dup(STDERR_FILENO);
    char text[PIECE + 1] = "";
    int ends[2] = {-1, -1};

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], text, PIECE) > 0) {
        /* until it is full */
    }
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    log_setup(LOG_INFO, LOG_TEXT);
    log_info("a.lost", kv_num("n", 1)); /* would wait for ever */
    log_info("a.lost", kv_num("n", 2));
    assert_int_equal(read(ends[0], text, PIECE), PIECE);
    log_info("a.kept", kv_num("n", 3));
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    close(ends[1]);

    for (size_t i = 0; i < sizeof(text) && text[0] == '\0'; i++) {
        ssize_t len = read(ends[0], text, PIECE);

        assert_true(len > 0);
        text[len] = '\0';
    }
    close(ends[0]);
    assert_null(strstr(text, "a.lost"));
    assert_non_null(strstr(text, "Z warn log.lost lines=2\n"));
    assert_non_null(strstr(text, "Z info a.kept n=3\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_stand_behind_the_event),
        cmocka_unit_test(text_from_outside_cannot_forge_a_line),
        cmocka_unit_test(a_value_that_does_not_fit_is_left_out_and_the_line_says_so),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(a_reader_that_has_stopped_holds_nobody_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
