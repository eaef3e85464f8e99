/*
 * Binding: the vectors of the enrolment protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/crypto.h>

#include "attest/binding.h"

static void the_anchor_is_that_of_the_vectors(void **state)
{
    static const struct {
        const char *nonce;
        const char *anchor;
    } rows[] = {
        {"000102030405060708090a0b0c0d0e0f",
         "f98d63e4c2e788b0b92ce5d7d1f2609b191f2933f4e5e7884bfeafc4c7a16ed8"
         "e050bf2649e1e85ad4b6c89ae70e35d7"},
        {"010701a0c4506c000001000102030405060708090a0b0c0d21cdc579e160603b"
         "df6072005e7f727f7dd79e76947994a0",
         "3667dce803b8c270d88dc39014e9ccdceec0ba760068f970161f045a173d6963"
         "9e5013b6830235abac29d4d88aa05767"},
    };
    uint8_t spki_sha256[32];

    memset(spki_sha256, 0x11, sizeof(spki_sha256));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const uint8_t zeros[16] = {0};
        uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
        uint8_t nonce[BINDING_NONCE_MAX];
        uint8_t anchor[48];
        size_t nonce_len = 0;
        size_t anchor_len = 0;

        assert_int_equal(
            OPENSSL_hexstr2buf_ex(nonce, sizeof(nonce), &nonce_len, rows[i].nonce, '\0'), 1);
        assert_int_equal(
            OPENSSL_hexstr2buf_ex(anchor, sizeof(anchor), &anchor_len, rows[i].anchor, '\0'), 1);
        assert_true(binding_report_data(nonce, nonce_len, spki_sha256, report_data));
        assert_memory_equal(report_data, anchor, sizeof(anchor));
        assert_memory_equal(report_data + sizeof(anchor), zeros, sizeof(zeros));
    }
}

static void any_change_of_nonce_or_key_changes_the_anchor(void **state)
{
    uint8_t nonce[BINDING_NONCE_MAX] = {0};
    uint8_t spki_sha256[32] = {0};
    uint8_t before[EVIDENCE_REPORT_DATA_LEN];
    uint8_t after[EVIDENCE_REPORT_DATA_LEN];

    assert_true(binding_report_data(nonce, 32, spki_sha256, before));
    assert_true(binding_report_data(nonce, 33, spki_sha256, after));
    assert_memory_not_equal(before, after, sizeof(after));
    nonce[31] ^= 1;
    assert_true(binding_report_data(nonce, 32, spki_sha256, after));
    assert_memory_not_equal(before, after, sizeof(after));
    nonce[31] ^= 1;
    spki_sha256[0] ^= 0x80;
    assert_true(binding_report_data(nonce, 32, spki_sha256, after));
    assert_memory_not_equal(before, after, sizeof(after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_anchor_is_that_of_the_vectors),
        cmocka_unit_test(any_change_of_nonce_or_key_changes_the_anchor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
