/*
 * Policy: the guest rows with their defaults, one row of a table each.
 */
#include "attest/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void guest_rules_refuse_what_is_not_allowed_by_name(void **state)
{
    static const struct {
        struct claims claims;
        struct policy_guest_rules rules;
        const char *slug; /* NULL: accepted */
        int row;
    } cases[] = {
        {{0}, {0}, NULL, 0},
        {{.debug = true}, {0}, "debug-allowed", 69},
        {{.debug = true}, {.allow_debug = true}, NULL, 0},
        {{.migration = true}, {.allow_debug = true}, "migration-allowed", 69},
        {{.migration = true}, {.allow_migration = true}, NULL, 0},
        {{.smt = true}, {0}, NULL, 0},
        {{.smt = true}, {.refuse_smt = true}, "smt-allowed", 69},
        {{.vmpl = 1}, {0}, "vmpl-not-allowed", 70},
        {{.vmpl = 0}, {.vmpl = 2}, "vmpl-not-allowed", 70},
        {{.vmpl = 2}, {.vmpl = 2}, NULL, 0},
        {{.vmpl = 0xffffffff}, {0}, "vmpl-not-allowed", 70},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = {.code = VERDICT_ACCEPTED};
        bool accepted = policy_check_guest(&cases[i].claims, &cases[i].rules, &verdict);

        assert_int_equal(accepted, cases[i].slug == NULL);
        if (!accepted) {
            assert_int_equal(verdict.code, VERDICT_GUEST_POLICY);
            assert_string_equal(verdict.slug, cases[i].slug);
            assert_int_equal(verdict.row, cases[i].row);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_rules_refuse_what_is_not_allowed_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
