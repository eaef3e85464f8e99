/*
 * Verdict: every code has a name of its own, and refusals hold what was wanted and found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/verdict.h"

static void every_code_is_found_by_its_name(void **state)
{
    for (unsigned i = 0; i < VERDICT_CODES; i++) {
        const char *name = verdict_code_name((enum verdict_code)i);
        enum verdict_code found = VERDICT_CODES;

        assert_non_null(name);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        assert_true(verdict_code_find(name, &found));
        assert_int_equal(found, i);
    }
    assert_string_equal(verdict_code_name(VERDICT_ACCEPTED), "accepted");
    assert_string_equal(verdict_code_name(VERDICT_UNAVAILABLE), "unavailable");
}

static void other_names_are_not_found(void **state)
{
    static const char *const rows[] = {"", "Accepted", "report-invalid ", "report", "unknown"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum verdict_code found = VERDICT_REVOKED;

        assert_false(verdict_code_find(rows[i], &found));
        assert_int_equal(found, VERDICT_REVOKED);
    }
}

static void a_refusal_forgets_what_was_there_before(void **state)
{
    struct verdict verdict = {0};

    verdict_expected(&verdict, "%d", 1);
    assert_false(verdict_refuse(&verdict, VERDICT_REPORT_INVALID, 7, "report-length"));
    assert_int_equal(verdict.code, VERDICT_REPORT_INVALID);
    assert_int_equal(verdict.row, 7);
    assert_string_equal(verdict.slug, "report-length");
    assert_string_equal(verdict.expected, "");
    assert_string_equal(verdict.actual, "");
}

static void values_are_kept_and_cut(void **state)
{
    struct verdict verdict = {0};
    char text[2 * VERDICT_VALUE_CAP];

    verdict_expected(&verdict, "%s=%d", "vmpl", 0);
    verdict_actual(&verdict, "%s=%d", "vmpl", 3);
    assert_string_equal(verdict.expected, "vmpl=0");
    assert_string_equal(verdict.actual, "vmpl=3");

    memset(text, 'f', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    verdict_expected(&verdict, "%s", text);
    verdict_actual(&verdict, "%s", text);
    assert_int_equal(strlen(verdict.expected), VERDICT_VALUE_CAP - 1);
    assert_int_equal(strlen(verdict.actual), VERDICT_VALUE_CAP - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_found_by_its_name),
        cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(a_refusal_forgets_what_was_there_before),
        cmocka_unit_test(values_are_kept_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
