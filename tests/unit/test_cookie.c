/*
 * Cookie: one name among others, and how often it stands there.
 */
#include "ca/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void only_the_whole_name_counts(void **state)
{
    static const struct {
        const char *field;
        size_t num;
        const char *value; /* of the first */
    } cases[] = {
        {"n=abc", 1, "abc"},     {"a=1; n=abc; b=2", 1, "abc"},
        {"a=1;n=abc", 1, "abc"}, {" n=abc ", 1, "abc"},
        {"n=a=b", 1, "a=b"},     {"n=", 1, ""},
        {"n=1; n=2", 2, "1"},    {"n=1;;; n=2; n=3", 3, "1"},
        {"N=abc", 0, NULL},      {"xn=abc; nx=abc", 0, NULL},
        {"n", 0, NULL},          {"a=n=abc", 0, NULL},
        {"n =abc", 0, NULL},     {";", 0, NULL},
        {"", 0, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *field = cases[i].field;
        struct bytes value = {NULL, 0};

        assert_int_equal(
            cookie_find((struct bytes){(const uint8_t *)field, strlen(field)}, "n", &value),
            cases[i].num);
        if (cases[i].value == NULL) {
            assert_null(value.data);
        } else {
            assert_int_equal(value.len, strlen(cases[i].value));
            assert_memory_equal(value.data, cases[i].value, value.len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_whole_name_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
