/*
 * Tests of dns_name.
 */
#include "common/dns_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define LABEL_63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij-63"

static struct bytes name_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void names_are_labels_of_letters_digits_and_hyphens(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"a", true},
        {"API-1.prod.example", true},
        {"xn--bcher-kva.example", true},
        {LABEL_63 "." LABEL_63 "." LABEL_63 ".abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij-"
                  "abcdefghij",
         true}, /* 253 */
        {LABEL_63 "." LABEL_63 "." LABEL_63 ".abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij-"
                  "abcdefghijk",
         false},
        {LABEL_63 "x.example", false},
        {"", false},
        {".", false},
        {"a..b", false},
        {".a", false},
        {"a.", false},
        {"-a.example", false},
        {"a-.example", false},
        {"*.example", false},
        {"a_b.example", false},
        {"b\xc3\xbc"
         "cher.example",
         false},
        {"a b", false},
        {"[::1]", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (dns_name_valid(name_of(rows[i].name)) != rows[i].valid) {
            fail_msg("%s", rows[i].name);
        }
    }
    assert_false(dns_name_valid((struct bytes){(const uint8_t *)"a\0b", 3}));
}

static void case_is_all_that_may_differ(void **state)
{
    assert_true(dns_name_same(name_of("api.Prod.example"), name_of("API.prod.EXAMPLE")));
    assert_false(dns_name_same(name_of("api.prod.example"), name_of("api.prod.exampl")));
    assert_false(dns_name_same(name_of("api.prod.exampl"), name_of("api.prod.example")));
    assert_false(dns_name_same(name_of("api.prod.example"), name_of("apl.prod.example")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_labels_of_letters_digits_and_hyphens),
        cmocka_unit_test(case_is_all_that_may_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
