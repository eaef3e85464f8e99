/*
 * Spiffe: what is an ID and what only looks like one.
 */
#include "common/spiffe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void only_ids_of_the_grammar_are_valid(void **state)
{
    static const struct {
        const char *id;
        bool valid;
    } cases[] = {
        {"spiffe://prod.example/snp/payments/api", true},
        {"spiffe://prod.example/a", true},
        {"spiffe://prod_1.example-2/A.b_C-9", true},
        {"spiffe://prod.example/...", true},
        {"spiffe://prod.example/..a", true},
        {"spiffe://prod.example", false},
        {"spiffe://prod.example/", false},
        {"spiffe://prod.example/a/", false},
        {"spiffe://prod.example//a", false},
        {"spiffe://prod.example/./a", false},
        {"spiffe://prod.example/a/..", false},
        {"spiffe://Prod.example/a", false},
        {"spiffe://prod.example:80/a", false},
        {"spiffe://user@prod.example/a", false},
        {"spiffe://prod.example/a%41", false},
        {"spiffe://prod.example/a?b", false},
        {"spiffe://prod.example/a#b", false},
        {"spiffe:///a", false},
        {"SPIFFE://prod.example/a", false},
        {"https://prod.example/a", false},
        {"spiffe:/", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(spiffe_id_valid(cases[i].id, strlen(cases[i].id)), cases[i].valid);
    }
}

static void lengths_have_a_limit(void **state)
{
    char id[SPIFFE_ID_MAX + 2] = "spiffe://";
    char domain[SPIFFE_TRUST_DOMAIN_MAX + 2];

    memset(domain, 'a', sizeof(domain));
    assert_true(spiffe_trust_domain_valid(domain, SPIFFE_TRUST_DOMAIN_MAX));
    assert_false(spiffe_trust_domain_valid(domain, SPIFFE_TRUST_DOMAIN_MAX + 1));
    assert_false(spiffe_trust_domain_valid(domain, 0));
    memset(id + 9, 'a', sizeof(id) - 9);
    id[12] = '/';
    assert_true(spiffe_id_valid(id, SPIFFE_ID_MAX));
    assert_false(spiffe_id_valid(id, SPIFFE_ID_MAX + 1));
}

static void an_id_belongs_to_exactly_its_trust_domain(void **state)
{
    assert_true(spiffe_id_in("spiffe://prod.example/a", "prod.example"));
    assert_false(spiffe_id_in("spiffe://prod.example.org/a", "prod.example"));
    assert_false(spiffe_id_in("spiffe://prod.example/a", "prod.example.org"));
    assert_false(spiffe_id_in("spiffe://test.example/a", "prod.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_ids_of_the_grammar_are_valid),
        cmocka_unit_test(lengths_have_a_limit),
        cmocka_unit_test(an_id_belongs_to_exactly_its_trust_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
