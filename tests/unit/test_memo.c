/*
 * Memo: what held is known again, and nothing else is.  That verdicts do not depend on it is shown
 * with every specimen.
 */
#include "attest/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "tests/lib/specimen.h"

static const struct specimen_kind milan = {"Milan", 3, NULL};

static struct cert parse(const struct specimen_cert *from)
{
    struct buf none = buf_over(NULL, 0);
    struct cert cert;

    assert_int_equal(cert_read((struct bytes){from->data, from->len}, &none, &cert), CERT_OK);
    return cert;
}

static struct memo *new_memo(void)
{
    struct err err;
    struct memo *memo = memo_new(&err);

    assert_non_null(memo);
    return memo;
}

static void a_signature_holds_only_for_what_it_was_made_over(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct memo *memo = new_memo();
    struct cert vek = parse(&specimen->vek);
    struct cert ask = parse(&specimen->ask);
    struct cert ark = parse(&specimen->ark);
    uint8_t altered[CERT_DER_MAX];
    struct cert other = vek;

    assert_true(memo_signed_by(memo, &vek, &ask));
    assert_true(memo_signed_by(memo, &vek, &ask));
    assert_false(memo_signed_by(memo, &vek, &ark)); /* another key */
    assert_false(memo_signed_by(memo, &ask, &ask));
    memcpy(altered, vek.tbs.data, vek.tbs.len);
    altered[vek.tbs.len - 1] ^= 1;
    other.tbs.data = altered;
    assert_false(memo_signed_by(memo, &other, &ask));
    other = vek;
    memcpy(altered, vek.signature.data, vek.signature.len);
    altered[0] ^= 1;
    other.signature.data = altered;
    assert_false(memo_signed_by(memo, &other, &ask));
    other = vek;
    other.algorithm_outer = ask.spki; /* what PSS parameters are not */
    assert_false(memo_signed_by(memo, &other, &ask));
    assert_true(memo_signed_by(NULL, &vek, &ask));
    memo_free(memo);
    specimen_free(specimen);
}

static void a_key_is_the_one_that_stands_there(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct memo *memo = new_memo();
    struct cert vek = parse(&specimen->vek);
    struct cert ask = parse(&specimen->ask);

    for (int i = 0; i < 2; i++) {
        EVP_PKEY *key = memo_p384_key(memo, &vek);

        assert_non_null(key);
        assert_int_equal(EVP_PKEY_eq(key, specimen->vek_key), 1);
        EVP_PKEY_free(key);
        assert_null(memo_p384_key(memo, &ask)); /* RSA */
    }
    memo_free(memo);
    specimen_free(specimen);
}

static void old_entries_go_and_come_again(void **state)
{
    struct memo *memo = new_memo();
    unsigned char *spkis[MEMO_ENTRIES + 8];
    size_t num = sizeof(spkis) / sizeof(spkis[0]);

    for (size_t i = 0; i < num; i++) {
        EVP_PKEY *key = EVP_EC_gen("P-384");
        struct cert cert = {0};

        spkis[i] = NULL;
        cert.spki.len = (size_t)i2d_PUBKEY(key, &spkis[i]);
        cert.spki.data = spkis[i];
        EVP_PKEY_free(memo_p384_key(memo, &cert));
        EVP_PKEY_free(key);
        cert.spki.data = spkis[0]; /* used all the time: this one stays */
        EVP_PKEY_free(memo_p384_key(memo, &cert));
    }
    for (size_t i = 0; i < num; i++) {
        struct cert cert = {.spki = {spkis[i], 120}};
        EVP_PKEY *key = memo_p384_key(memo, &cert);

        assert_non_null(key);
        EVP_PKEY_free(key);
        OPENSSL_free(spkis[i]);
    }
    memo_free(memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_holds_only_for_what_it_was_made_over),
        cmocka_unit_test(a_key_is_the_one_that_stands_there),
        cmocka_unit_test(old_entries_go_and_come_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
