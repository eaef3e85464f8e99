/*
 * Command: what other load generators write, and commands that do not work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/command.h"
#include "common/err.h"
#include "common/file.h"
#include "tests/lib/folder.h"

static void the_first_word_says_whose_output_it_is(void **state)
{
    static const struct {
        const char *line;
        int kind; /* -1: refused */
    } rows[] = {
        {"redis-benchmark", COMMAND_REDIS},
        {"/usr/bin/pgbench -c 4", COMMAND_PGBENCH},
        {"wrk\t-c 4", COMMAND_WRK},
        {"wrk2 -c 4", -1},
        {"sh wrk", -1},
        {"/wrk/x", -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum command_kind kind = COMMAND_REDIS;
        struct err err;

        assert_int_equal(command_kind(rows[i].line, &kind, &err), rows[i].kind < 0 ? -1 : 0);
        if (rows[i].kind >= 0) {
            assert_int_equal(kind, rows[i].kind);
        }
    }
}

struct figure {
    const char *name;
    double value;
};

static void check(const struct command_report *report, const struct figure *want, size_t num,
                  uint64_t operations)
{
    assert_int_equal(report->num, num);
    assert_int_equal(report->operations, operations);
    for (size_t i = 0; i < num; i++) {
        assert_string_equal(report->figures[i].name, want[i].name);
        assert_true(fabs(report->figures[i].value - want[i].value) < 1e-6);
    }
}

static void figures_of_redis_benchmark(void **state)
{
    static const char output[] =
        "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\","
        "\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n"
        "\"SET\",\"13698.63\",\"0.278\",\"0.008\",\"0.031\",\"1.815\",\"4.039\",\"8.655\"\n"
        "\"LPUSH (x)\",\"2.5\",\"0.2\",\"0.0\",\"1.0\",\"1.8\",\"4\",\"8\"\n";
    static const struct figure want[] = {
        {"operations.set", 13698.63},
        {"p50.set", 31},
        {"p99.set", 4039},
        {"max.set", 8655},
        {"operations.lpush--x-", 2.5},
        {"p50.lpush--x-", 1000},
        {"p99.lpush--x-", 4000},
        {"max.lpush--x-", 8000},
    };
    struct command_report report;
    struct err err;

    assert_int_equal(
        command_read(COMMAND_REDIS, "redis-benchmark -c 4 -n 2000 --csv", output, &report, &err),
        0);
    check(&report, want, sizeof(want) / sizeof(want[0]), 4000);
}

static void figures_of_pgbench(void **state)
{
    static const char output[] = "number of transactions actually processed: 1234\n"
                                 "latency average = 0.512 ms\n"
                                 "initial connection time = 3.210 ms\n"
                                 "tps = 1952.5 (without initial connection time)\n";
    static const struct figure want[] = {{"operations", 1952.5}, {"mean", 512}};
    struct command_report report;
    struct err err;

    assert_int_equal(command_read(COMMAND_PGBENCH, "pgbench", output, &report, &err), 0);
    check(&report, want, 2, 1234);
}

static void figures_of_wrk(void **state)
{
    static const char output[] = "  Latency Distribution\n"
                                 "     50%  635.00us\n     75%  712.00us\n     90%    1.04ms\n"
                                 "     99%    1.50m \n"
                                 "  22464 requests in 1.00s, 1.65MB read\n"
                                 "Requests/sec:  22463.96\n";
    static const struct figure want[] = {
        {"operations", 22463.96}, {"p50", 635}, {"p90", 1040}, {"p99", 90000000}};
    struct command_report report;
    struct err err;

    assert_int_equal(command_read(COMMAND_WRK, "wrk", output, &report, &err), 0);
    check(&report, want, 4, 22464);
}

static void requests_that_failed_are_no_operations(void **state)
{
    static const struct {
        enum command_kind kind;
        const char *output;
        const char *why; /* NULL: nothing has failed */
    } rows[] = {
        {COMMAND_WRK, "  5 requests in 1.00s, 1MB read\nRequests/sec: 5\n", NULL},
        {COMMAND_WRK,
         "  5 requests in 1.00s, 1MB read\n  Non-2xx or 3xx responses: 2\nRequests/sec: 5\n",
         "Non-2xx or 3xx responses: 2"},
        {COMMAND_WRK,
         "  5 requests in 1.00s, 1MB read\n"
         "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec: 5\n",
         "Socket errors: connect 0, read 3, write 0, timeout 0"},
        {COMMAND_PGBENCH, "number of failed transactions: 0 (0.000%)\ntps = 1\ntps = 1\n", NULL},
        {COMMAND_PGBENCH, "number of failed transactions: 10 (1.000%)\ntps = 1\n",
         "number of failed transactions: 10 (1.000%)"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct command_report report;
        struct err err = {0};
        int rc = command_read(rows[i].kind, "x", rows[i].output, &report, &err);

        assert_int_equal(rc, rows[i].why == NULL ? 0 : -1);
        if (rows[i].why != NULL) {
            assert_int_equal(err.code, ERR_IO);
            assert_string_equal(err.msg, rows[i].why);
        }
    }
}

static void output_without_a_figure_is_refused(void **state)
{
    struct command_report report = {.operations = 7};
    struct err err;

    assert_int_equal(command_read(COMMAND_WRK, "wrk", "hello", &report, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.msg, "no figure in what it wrote");
    assert_int_equal(report.operations, 7);
    assert_int_equal(command_read(COMMAND_REDIS, "redis-benchmark", "SET: 1", &report, &err), -1);
    assert_string_equal(err.msg, "no figure in what it wrote, which must be CSV");
}

static void a_command_that_cannot_be_run_is_named(void **state)
{
    struct sockets_address address;
    struct command_report report;
    struct err err;
    uint64_t elapsed = 0;

    assert_int_equal(sockets_parse("127.0.0.1:1", &address, &err), 0);
    assert_int_equal(command_run("/nonexistent/wrk", &address, &report, &elapsed, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "/nonexistent/wrk: No such file or directory");
}

/* A command of ours, which says first why it fails, and then the head of a table. */
static void a_command_that_fails_is_quoted(void **state)
{
    static const char script[] = "#!/bin/sh\necho 'Error from server: OOM' >&2\n"
                                 "echo '\"test\",\"rps\"'\nexit 1\n";
    char folder[FOLDER_PATH_CAP];
    char path[FOLDER_PATH_CAP + 32];
    char want[FOLDER_PATH_CAP + 64];
    struct sockets_address address;
    struct command_report report;
    struct err err;
    uint64_t elapsed = 0;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/redis-benchmark", folder);
    assert_int_equal(file_replace(path, 0700, script, sizeof(script) - 1, &err), 0);
    assert_int_equal(sockets_parse("127.0.0.1:1", &address, &err), 0);
    assert_int_equal(command_run(path, &address, &report, &elapsed, &err), -1);
    (void)snprintf(want, sizeof(want), "%s failed: Error from server: OOM", path);
    assert_string_equal(err.msg, want);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_word_says_whose_output_it_is),
        cmocka_unit_test(figures_of_redis_benchmark),
        cmocka_unit_test(figures_of_pgbench),
        cmocka_unit_test(figures_of_wrk),
        cmocka_unit_test(requests_that_failed_are_no_operations),
        cmocka_unit_test(output_without_a_figure_is_refused),
        cmocka_unit_test(a_command_that_cannot_be_run_is_named),
        cmocka_unit_test(a_command_that_fails_is_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
