/*
 * Shortage at the authority: each allocation of ours fails once while it decides on an enrolment:
 * it refuses for the time being, and the same request is accepted afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "common/verdict.h"
#include "tests/lib/attempt.h"
#include "tests/lib/authority.h"
#include "tests/lib/shortage.h"

#define NTH_MAX 1000

static void an_enrolment_without_memory_is_refused_and_may_be_repeated(void **state)
{
    struct authority authority;
    unsigned long nth = 0;
    unsigned long met = 1;

    authority_init(&authority, AUTHORITY_POLICY);
    while (met > 0) {
        struct shortage_rule rule = {.call = SHORTAGE_MEMORY, .error = ENOMEM, .nth = ++nth};
        struct attempt *a = attempt_new(&authority);
        bool accepted = false;

        assert_true(nth < NTH_MAX);
        attempt_prepare(a, NULL);
        shortage_begin(&rule, 1, true);
        accepted = attempt_decide(a);
        met = shortage_end();
        if (met > 0 && !accepted) {
            assert_int_equal(a->leaf.len, 0);
            assert_int_equal(a->result.verdict.code, VERDICT_UNAVAILABLE);
            accepted = attempt_decide(a);
        }
        assert_true(accepted);
        assert_int_equal(a->result.verdict.code, VERDICT_ACCEPTED);
        attempt_free(a);
    }
    assert_true(nth > 1);
    authority_deinit(&authority);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_enrolment_without_memory_is_refused_and_may_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
