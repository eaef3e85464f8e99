/*
 * Rows 30, 35 and 38 where they hold: from which second on, and up to which one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "tests/lib/specimen.h"

#define DAY 86400

static void set_dates(struct specimen_cert *cert, EVP_PKEY *signer, int64_t from, int64_t to)
{
    X509 *x509 = specimen_open(cert);

    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)from));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)to));
    specimen_close(cert, x509, signer);
}

static void ark_in_its_first_second(struct specimen *specimen)
{
    set_dates(&specimen->ark, specimen->ark_key, SPECIMEN_NOW, SPECIMEN_NOW + DAY);
}

static void ark_in_its_last_second(struct specimen *specimen)
{
    set_dates(&specimen->ark, specimen->ark_key, 0, SPECIMEN_NOW);
}

static void ask_of_a_clock_that_is_ahead(struct specimen *specimen)
{
    set_dates(&specimen->ask, specimen->ark_key, SPECIMEN_NOW + 300, SPECIMEN_NOW + DAY);
}

static void ask_in_its_last_second(struct specimen *specimen)
{
    set_dates(&specimen->ask, specimen->ark_key, 0, SPECIMEN_NOW);
}

static void vek_of_a_clock_that_is_ahead(struct specimen *specimen)
{
    specimen->options.now = SPECIMEN_NOT_BEFORE - 300;
}

static void vek_in_its_last_second(struct specimen *specimen)
{
    specimen->options.now = SPECIMEN_NOT_BEFORE + (int64_t)7 * 365 * DAY;
}

static void certificates_hold_up_to_the_second(void **state)
{
    static void (*const dates[])(struct specimen * specimen) = {
        ark_in_its_first_second, ark_in_its_last_second,       ask_of_a_clock_that_is_ahead,
        ask_in_its_last_second,  vek_of_a_clock_that_is_ahead, vek_in_its_last_second,
    };
    static const struct specimen_kind kind = {"Milan", 3, NULL};

    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        struct specimen *specimen = specimen_new(&kind);
        struct claims claims;
        struct verdict verdict;

        dates[i](specimen);
        if (!specimen_verify(specimen, &claims, &verdict)) {
            fail_msg("%zu: row %d: %s", i, verdict.row, verdict.slug);
        }
        specimen_free(specimen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_hold_up_to_the_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
