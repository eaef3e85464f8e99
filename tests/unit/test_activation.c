/*
 * Activation: names of handed-over sockets become descriptors, or nothing does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"
#include "proxy/activation.h"

static void a_name_finds_its_one_descriptor(void **state)
{
    static const struct {
        const char *pid;
        const char *fds;
        const char *names;
        int want;
    } rows[] = {
        {"42", "1", "web", 3},
        {"42", "3", "a:web:b", 4},
        {"42", "3", "a::web", 5},
        {"42", "2", "a:web:web", 4}, /* there are only two */
        {"42", "2", "web:web", -1},
        {"42", "1", "webs", -1},
        {"42", "1", "we", -1},
        {"42", "2", "", -1},
        {"42", "1", NULL, -1},
        {"43", "1", "web", -1},
        {"", "1", "web", -1},
        {NULL, "1", "web", -1},
        {"42", NULL, "web", -1},
        {"42", "0", "web", -1},
        {"42", "-1", "web", -1},
        {"42", "1x", "web", -1},
        {"42", "99999999999", "web", -1},
        {"42", "1025", "web", -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct activation activation = {rows[i].pid, rows[i].fds, rows[i].names};
        struct err err;

        assert_int_equal(activation_find(&activation, 42, "web", &err), rows[i].want);
        if (rows[i].want < 0) {
            assert_int_equal(err.code, ERR_INVALID);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_finds_its_one_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
