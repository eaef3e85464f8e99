/*
 * Verify: candidates set aside, and the list of rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "attest/cert.h"
#include "attest/simcert.h"
#include "attest/verify.h"
#include "common/err.h"
#include "tests/lib/specimen.h"

static const struct specimen_kind milan = {"Milan", 3, NULL};

static struct bytes view(const struct specimen_cert *cert)
{
    return (struct bytes){cert->data, cert->len};
}

static struct collateral certs_of(const struct bytes *certs, size_t num_certs)
{
    return (struct collateral){.certs = certs, .num_certs = num_certs};
}

/* Appraises the specimen's report with exactly these certificates. */
static bool verify_with(const struct specimen *specimen, const struct bytes *offered,
                        size_t num_offered, struct collateral collateral,
                        struct verdict *out_verdict, struct verify_rows *rows)
{
    struct evidence evidence = {
        .provider = {(const uint8_t *)specimen->provider, strlen(specimen->provider)},
        .outblob = {specimen->report, specimen->report_len},
        .num_certs = num_offered,
    };
    struct claims claims;

    for (size_t i = 0; i < num_offered; i++) {
        evidence.certs[i] = offered[i];
    }
    return verify_evidence(&evidence, &collateral, &specimen->options, &claims, out_verdict, rows);
}

/* A VEK of an older TCB, as hosts often keep it in their table. */
static struct specimen_cert stale_vek(const struct specimen *specimen)
{
    struct specimen stale = *specimen;

    specimen_set_amd(&stale, "3.8", "\x02\x01\x01", 3);
    return stale.vek;
}

static void a_stale_vek_is_set_aside(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct specimen_cert stale = stale_vek(specimen);
    struct bytes both[] = {view(&stale), view(&specimen->vek)};
    struct bytes rest[] = {view(&specimen->ask), view(&specimen->ark), view(&specimen->vek)};
    struct verdict verdict;

    assert_true(verify_with(specimen, both, 2, certs_of(rest, 2), &verdict, NULL));
    /* The sound one may also come from the verifier's own. */
    assert_true(verify_with(specimen, both, 1, certs_of(rest, 3), &verdict, NULL));
    specimen_free(specimen);
}

static void with_no_candidate_left_the_first_decides(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct specimen_cert stale = stale_vek(specimen);
    struct bytes rest[] = {view(&specimen->ask), view(&specimen->ark)};
    struct bytes both[2];
    struct verdict verdict;

    specimen_set_amd(specimen, "4", NULL, 0);
    both[0] = view(&stale);
    both[1] = view(&specimen->vek);
    assert_false(verify_with(specimen, both, 2, certs_of(rest, 2), &verdict, NULL));
    assert_string_equal(verdict.slug, "vek-tcb-mismatch");
    assert_string_equal(verdict.expected, "microcode 219");
    assert_string_equal(verdict.actual, "microcode 1");
    both[0] = view(&specimen->vek);
    both[1] = view(&stale);
    assert_false(verify_with(specimen, both, 2, certs_of(rest, 2), &verdict, NULL));
    assert_string_equal(verdict.slug, "vek-hwid-missing");
    specimen_free(specimen);
}

/* Genoa has two intermediates of one name. */
static void two_intermediates_of_one_name_are_both_tried(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct err err;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    X509 *x509 = simcert_ask("Milan", false, key, specimen->ark_key, &err);
    struct specimen_cert other = {.len = 0};
    struct bytes vek = view(&specimen->vek);
    struct bytes rest[3];
    struct verdict verdict;

    assert_non_null(x509);
    specimen_close(&other, x509, specimen->ark_key);
    rest[0] = view(&other);
    rest[1] = view(&specimen->ask);
    rest[2] = view(&specimen->ark);
    assert_true(verify_with(specimen, &vek, 1, certs_of(rest, 3), &verdict, NULL));
    EVP_PKEY_free(key);
    specimen_free(specimen);
}

/* "VEK used as the wrong issuer": a VCEK, itself genuine, that signed another. */
static void a_vek_is_no_issuer(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct specimen_cert issuer = {.len = 0};
    X509 *x509 = specimen_open(&specimen->vek);
    X509 *ask = specimen_open(&specimen->ask);
    int at = -1;
    struct bytes certs[2];
    struct bytes root = view(&specimen->ark);
    struct verdict verdict;

    /* An RSA "VEK" under the root, so that only its role is wrong. */
    assert_int_equal(X509_set_pubkey(x509, specimen->ask_key), 1);
    assert_int_equal(X509_set_issuer_name(x509, X509_get_issuer_name(ask)), 1);
    at = X509_get_ext_by_NID(ask, NID_authority_key_identifier, -1);
    assert_int_equal(X509_add_ext(x509, X509_get_ext(ask, at), -1), 1);
    X509_free(ask);
    specimen_close(&issuer, x509, specimen->ark_key);
    x509 = specimen_open(&specimen->vek);
    assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(x509)), 1);
    specimen_close(&specimen->vek, x509, specimen->ask_key);
    certs[0] = view(&specimen->vek);
    certs[1] = view(&issuer);
    assert_false(verify_with(specimen, certs, 2, certs_of(&root, 1), &verdict, NULL));
    assert_string_equal(verdict.slug, "ask-not-ca");
    specimen_free(specimen);
}

/* Forged with the vendor's names; the genuine root is at hand, the evidence brings another. */
static void the_root_in_the_evidence_is_not_believed(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct err err;
    struct specimen_cert forged = {.len = 0};
    X509 *x509 = simcert_ark("Milan", specimen->ask_key, &err);
    struct bytes offered[3];
    struct bytes root = view(&specimen->ark);
    struct verdict verdict;

    assert_non_null(x509);
    specimen_close(&forged, x509, specimen->ask_key);
    specimen_close(&specimen->ask, specimen_open(&specimen->ask), specimen->ask_key);
    offered[0] = view(&specimen->vek);
    offered[1] = view(&specimen->ask);
    offered[2] = view(&forged);
    assert_false(verify_with(specimen, offered, 3, certs_of(&root, 1), &verdict, NULL));
    assert_string_equal(verdict.slug, "ask-signature");
    specimen_free(specimen);
}

static void an_unrelated_bad_certificate_does_no_harm(void **state)
{
    static const uint8_t junk[] = "junk";
    struct specimen *specimen = specimen_new(&milan);
    struct bytes offered[] = {{junk, sizeof(junk)}, view(&specimen->vek), view(&specimen->ask)};
    struct bytes root = view(&specimen->ark);
    struct verdict verdict;

    assert_true(verify_with(specimen, offered, 3, certs_of(&root, 1), &verdict, NULL));
    specimen_free(specimen);
}

static const struct row_result *find_row(const struct verify_rows *rows, int row)
{
    for (size_t i = 0; i < rows->num_results; i++) {
        if (rows->results[i].row == row) {
            return &rows->results[i];
        }
    }
    return NULL;
}

static void accepted_evidence_lists_every_row(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct bytes offered[] = {view(&specimen->vek), view(&specimen->ask), view(&specimen->ark)};
    struct verdict verdict;
    struct verify_rows rows;

    assert_true(verify_with(specimen, offered, 3, certs_of(NULL, 0), &verdict, &rows));
    for (int row = 1; row <= 66; row++) {
        const struct row_result *result = find_row(&rows, row);

        if (row >= 56 && row <= 63) {
            continue; /* CRLs are not read */
        }
        assert_non_null(result);
        assert_int_equal(result->state, row == 55 ? ROW_SKIPPED : ROW_OK);
    }
    specimen_free(specimen);
}

static void all_independent_failures_are_listed(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct bytes offered[] = {view(&specimen->vek), view(&specimen->ask), view(&specimen->ark)};
    static const int failed[] = {12, 13, 38, 51, 65, 66};
    struct verdict verdict;
    struct verify_rows rows;
    size_t num_failed = 0;

    specimen_set(specimen, REPORT_VMPL, 9);
    specimen_set(specimen, REPORT_POLICY, 0);
    specimen->report[0x180] ^= 1;
    specimen->report_data[0] ^= 1;
    specimen->options.now = SPECIMEN_NOT_BEFORE - 1000;
    assert_false(verify_with(specimen, offered, 3, certs_of(NULL, 0), &verdict, &rows));
    assert_int_equal(verdict.row, 12);
    for (size_t i = 0; i < rows.num_results; i++) {
        num_failed += rows.results[i].state == ROW_FAILED;
    }
    assert_int_equal(num_failed, sizeof(failed) / sizeof(failed[0]));
    for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++) {
        assert_int_equal(find_row(&rows, failed[i])->state, ROW_FAILED);
    }
    specimen_free(specimen);
}

/* Nothing at all: the rows that need something are left out, not failed. */
static void rows_without_their_input_are_left_out(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct verdict verdict;
    struct verify_rows rows;

    specimen->report_len = 0;
    specimen->provider = "none";
    assert_false(verify_with(specimen, NULL, 0, certs_of(NULL, 0), &verdict, &rows));
    assert_string_equal(verdict.slug, "provider-unknown");
    assert_int_equal(find_row(&rows, 4)->state, ROW_FAILED);
    assert_int_equal(find_row(&rows, 21)->state, ROW_FAILED);
    assert_string_equal(find_row(&rows, 21)->verdict.slug, "vek-missing");
    assert_null(find_row(&rows, 10));
    assert_null(find_row(&rows, 51));
    assert_null(find_row(&rows, 65));
    specimen_free(specimen);
}

/* What the host wrote ends up on a terminal and in a log. */
static void hostile_text_is_made_printable(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct claims claims;
    struct verdict verdict;

    specimen->provider = "\x1b[2J sim~\x7f\xc3\xa4";
    assert_false(specimen_verify(specimen, &claims, &verdict));
    assert_string_equal(verdict.actual, "?[2J sim~???");
    specimen_free(specimen);
}

static void dates_hold_to_the_second(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct bytes offered[] = {view(&specimen->vek), view(&specimen->ask)};
    struct bytes root = view(&specimen->ark);
    struct buf none = buf_over(NULL, 0);
    struct verdict verdict;
    struct cert vek;

    assert_int_equal(cert_read(offered[0], &none, &vek), CERT_OK);
    {
        const struct {
            int64_t now;
            const char *slug; /* NULL: accepted */
        } rows[] = {
            {vek.not_before - 301, "vek-not-yet-valid"},
            {vek.not_before - 300, NULL},
            {vek.not_after, NULL},
            {vek.not_after + 1, "vek-expired"},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            bool accepted = false;

            specimen->options.now = rows[i].now;
            accepted = verify_with(specimen, offered, 2, certs_of(&root, 1), &verdict, NULL);
            assert_int_equal(accepted, rows[i].slug == NULL);
            if (!accepted) {
                assert_string_equal(verdict.slug, rows[i].slug);
            }
        }
    }
    specimen_free(specimen);
}

static void a_root_counts_from_its_first_to_its_last_second(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    X509 *x509 = specimen_open(&specimen->ark);
    struct claims claims;
    struct verdict verdict;

    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)SPECIMEN_NOW));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)SPECIMEN_NOW));
    specimen_close(&specimen->ark, x509, specimen->ark_key);
    assert_true(specimen_verify(specimen, &claims, &verdict));
    assert_true(claims.valid_until == SPECIMEN_NOW);
    specimen_free(specimen);
}

/* Only the right to sign certificates makes a key no leaf's. */
static void a_vek_may_say_that_it_signs(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    X509 *x509 = specimen_open(&specimen->vek);
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    struct claims claims;
    struct verdict verdict;

    assert_int_equal(ASN1_BIT_STRING_set_bit(usage, 0, 1), 1);
    assert_int_equal(X509_add1_ext_i2d(x509, NID_key_usage, usage, 1, 0), 1);
    ASN1_BIT_STRING_free(usage);
    specimen_close(&specimen->vek, x509, specimen->ask_key);
    assert_true(specimen_verify(specimen, &claims, &verdict));
    specimen_free(specimen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stale_vek_is_set_aside),
        cmocka_unit_test(with_no_candidate_left_the_first_decides),
        cmocka_unit_test(two_intermediates_of_one_name_are_both_tried),
        cmocka_unit_test(a_vek_is_no_issuer),
        cmocka_unit_test(the_root_in_the_evidence_is_not_believed),
        cmocka_unit_test(an_unrelated_bad_certificate_does_no_harm),
        cmocka_unit_test(accepted_evidence_lists_every_row),
        cmocka_unit_test(all_independent_failures_are_listed),
        cmocka_unit_test(rows_without_their_input_are_left_out),
        cmocka_unit_test(hostile_text_is_made_printable),
        cmocka_unit_test(dates_hold_to_the_second),
        cmocka_unit_test(a_root_counts_from_its_first_to_its_last_second),
        cmocka_unit_test(a_vek_may_say_that_it_signs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
