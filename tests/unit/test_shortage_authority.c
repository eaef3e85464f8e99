/*
 * Shortage at the authority: allocations fail, one at a time, while it decides on an enrolment:
 * each of ours, and one in so many of OpenSSL's.
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
#define OPENSSL_NTH_MAX 100000
#define OPENSSL_STEP 13 /* all of them hold too, in two minutes */

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

/* Inside OpenSSL a lack of memory may look like a signature that does not verify: any refusal will
   do, but an acceptance has to be remembered as one. */
static void a_nonce_is_not_used_twice_however_short_openssl_was(void **state)
{
    struct authority authority;
    unsigned long nth = 0;
    unsigned long met = 1;

    authority_init(&authority, AUTHORITY_POLICY);
    for (nth = 1; met > 0; nth += OPENSSL_STEP) {
        struct shortage_rule rule = {.call = SHORTAGE_OPENSSL, .error = ENOMEM, .nth = nth};
        struct attempt *a = attempt_new(&authority);
        bool accepted = false;

        assert_true(nth < OPENSSL_NTH_MAX);
        attempt_prepare(a, NULL);
        shortage_begin(&rule, 1, true);
        accepted = attempt_decide(a);
        met = shortage_end();
        if (accepted) {
            a->leaf.len = 0;
            assert_true(attempt_decide(a));
            assert_true(a->result.repeated);
        }
        attempt_free(a);
    }
    assert_true(nth > 1 + OPENSSL_STEP);
    authority_deinit(&authority);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_enrolment_without_memory_is_refused_and_may_be_repeated),
        cmocka_unit_test(a_nonce_is_not_used_twice_however_short_openssl_was),
    };

    shortage_watch_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
