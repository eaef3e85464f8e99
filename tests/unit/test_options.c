/*
 * Options: the command line of the load generator, with the exact words of each refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/options.h"
#include "common/err.h"

#define ARGS_MAX 20

/* Parses words with one blank between them.  `line` is overwritten; targets borrow from it. */
static int parse(char *line, struct options *options, struct err *err)
{
    char *argv[ARGS_MAX];
    int argc = 0;
    char *rest = line;

    while (*line != '\0' && rest != NULL) {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = strsep(&rest, " ");
    }
    return options_parse(argc, argv, options, err);
}

static void what_is_not_said_has_a_default(void **state)
{
    char line[] = "direct=127.0.0.1:6379";
    struct options options;
    struct err err;

    assert_int_equal(parse(line, &options, &err), 0);
    assert_int_equal(options.protocol, EXCHANGE_ECHO);
    assert_int_equal(options.connections, 1);
    assert_int_equal(options.size, 64);
    assert_int_equal(options.rounds, 5);
    assert_int_equal(options.warm_up, 100);
    assert_int_equal(options.time, 2000);
    assert_int_equal(options.num_targets, 1);
    assert_int_equal(options.targets[0].name_len, 6);
    assert_int_equal(sockets_port(&options.targets[0].address), 6379);
}

static void options_and_targets_may_be_mixed(void **state)
{
    char line[] =
        "--protocol redis a=[::1]:1 --connections 32 --warm-up 1s b=127.0.0.1:2 --time 1min";
    struct options options;
    struct err err;

    assert_int_equal(parse(line, &options, &err), 0);
    assert_int_equal(options.protocol, EXCHANGE_REDIS);
    assert_int_equal(options.connections, 32);
    assert_int_equal(options.warm_up, 1000);
    assert_int_equal(options.time, 60000);
    assert_int_equal(options.num_targets, 2);
    assert_memory_equal(options.targets[1].name, "b=", 2);
    assert_int_equal(sockets_port(&options.targets[1].address), 2);
}

static void bad_command_lines_are_refused(void **state)
{
    static const struct {
        const char *line;
        const char *why;
    } rows[] = {
        {"", "run: no target: need NAME=ADDRESS:PORT"},
        {"--time 1s", "run: no target: need NAME=ADDRESS:PORT"},
        {"127.0.0.1:1", "127.0.0.1:1: need NAME=ADDRESS:PORT"},
        {"=127.0.0.1:1", "=127.0.0.1:1: need NAME=ADDRESS:PORT"},
        {"a=127.0.0.1:1 --speed 3", "--speed: no such option"},
        {"a=127.0.0.1:1 --", "--: no such option"},
        {"a=127.0.0.1:1 --time", "--time: needs a value"},
        {"1=0:1 2=0:1", NULL},
        {"a=127.0.0.1:1 --connections 0", NULL},
        {"a=127.0.0.1:1 --connections 10001", NULL},
        {"a=127.0.0.1:1 --size 16385", NULL},
        {"a=127.0.0.1:1 --size -1", NULL},
        {"a=127.0.0.1:1 --time 3", NULL},
        {"a=127.0.0.1:1 --time 0s", NULL},
        {"a=127.0.0.1:1 --protocol http", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *line = strdup(rows[i].line);
        struct options options = {.rounds = 77};
        struct err err = {0};

        assert_non_null(line);
        if (parse(line, &options, &err) != -1) {
            fail_msg("taken: %s", rows[i].line);
        }
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(options.rounds, 77);
        if (rows[i].why != NULL) {
            assert_string_equal(err.msg, rows[i].why);
        }
        free(line);
    }
}

static void the_help_names_every_option(void **state)
{
    static const char *const rows[] = {"--protocol",        "--connections", "--size",
                                       "--rounds",          "--warm-up",     "--time",
                                       "one of echo, redis"};
    char *text = options_help();

    assert_non_null(text);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strstr(text, rows[i]) == NULL) {
            fail_msg("%s is missing in: %s", rows[i], text);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(options_and_targets_may_be_mixed),
        cmocka_unit_test(bad_command_lines_are_refused),
        cmocka_unit_test(the_help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
