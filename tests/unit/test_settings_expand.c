/*
 * Settings_expand: what of a value comes from the environment, and what stops the start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "config/settings_expand.h"

static void variables_are_replaced_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"plain", "plain"},
        {"${DIR}/key.pem", "/run/creds/key.pem"},
        {"a${DIR}b${DIR}c", "a/run/credsb/run/credsc"},
        {"$DIR", "$DIR"},
        {"$", "$"},
        {"a$$b", "a$$b"},
        {"$${DIR}", "$/run/creds"},
        {"${NESTED}", "${DIR}"}, /* once is enough */
        {"x${NOTHING}y", "xy"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[SETTINGS_EXPAND_CAP] = "";
        struct err err;

        assert_int_equal(settings_expand(rows[i].text, out, &err), 0);
        assert_string_equal(out, rows[i].want);
    }
}

static void what_is_unset_or_ill_formed_is_an_error(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"${UNSET}/x", "the environment has no UNSET"},
        {"${DIR", "${ without }"},
        {"${}", "need ${NAME} of letters, digits and _"},
        {"${A B}", "need ${NAME} of letters, digits and _"},
        {"${DIR:-/tmp}", "need ${NAME} of letters, digits and _"},
        {"${LINES}", "LINES holds what no value may hold"},
        {"${QUOTED}", "QUOTED holds what no value may hold"},
        {"${COMMENT}", "COMMENT holds what no value may hold"},
        {"${NOTHING}", "is empty, or begins or ends with a blank"},
        {"${BLANK}", "is empty, or begins or ends with a blank"},
        {"${LONG}", "too long"},
        {"${HALF}${HALF}", "too long"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[SETTINGS_EXPAND_CAP] = "untouched";
        struct err err;

        assert_int_equal(settings_expand(rows[i].text, out, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, rows[i].why);
        assert_string_equal(out, "untouched");
    }
}

static int set_variables(void **state)
{
    char text[SETTINGS_EXPAND_CAP + 1] = "";

    setenv("DIR", "/run/creds", 1);
    setenv("NESTED", "${DIR}", 1);
    setenv("NOTHING", "", 1);
    setenv("BLANK", "x ", 1);
    setenv("LINES", "a\nb = c", 1);
    setenv("QUOTED", "\"a\"", 1);
    setenv("COMMENT", "a ;b", 1);
    unsetenv("UNSET");
    memset(text, 'x', SETTINGS_EXPAND_CAP);
    setenv("LONG", text, 1);
    text[SETTINGS_EXPAND_CAP / 2 + 1] = '\0';
    setenv("HALF", text, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_replaced_and_nothing_else),
        cmocka_unit_test(what_is_unset_or_ill_formed_is_an_error),
    };

    return cmocka_run_group_tests(tests, set_variables, NULL);
}
