/*
 * Nonce: the published vectors, and every way in which one is refused.
 */
#include "ca/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "common/err.h"

#define NOW_MS 1790000000000ULL

static size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
    size_t len = 0;

    assert_int_equal(OPENSSL_hexstr2buf_ex(out, cap, &len, hex, '\0'), 1);
    return len;
}

static void the_vectors_of_the_specification_come_out(void **state)
{
    static const struct {
        size_t random_len;
        const char *binder;
        const char *nonce;
    } cases[] = {
        {14, "",
         "010701a0c4506c000001000102030405060708090a0b0c0d21cdc579e160603bdf6072005e7f727f7dd79e769"
         "47994a0"},
        {8, "", "010701a0c4506c000001000102030405060717e3ed0c85be53b0b4b8bc51c862"},
        {22, "",
         "010701a0c4506c000001000102030405060708090a0b0c0d0e0f1011121314156392aa2112adebcb6cf232119"
         "4347e5ad603500360da55f08a8ebcbf480562c7"},
        {14, "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
         "010701a0c4506c000001000102030405060708090a0b0c0daa57e3b4029d9890c0d42acddd183a604587c7c21"
         "8ce8837"},
    };
    static const uint8_t head[] = {1, 7, 0x01, 0xa0, 0xc4, 0x50, 0x6c, 0x00, 0, 1};
    uint8_t key[NONCE_KEY_LEN];

    memset(key, 0x42, sizeof(key));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t expected[NONCE_LEN_MAX];
        uint8_t binder[32] = {0};
        uint8_t nonce[NONCE_LEN_MAX];
        size_t len = unhex(cases[i].nonce, expected, sizeof(expected));
        size_t binder_len =
            cases[i].binder[0] != '\0' ? unhex(cases[i].binder, binder, sizeof(binder)) : 0;
        struct err err;

        memcpy(nonce, head, sizeof(head));
        for (size_t j = 0; j < cases[i].random_len; j++) {
            nonce[sizeof(head) + j] = (uint8_t)j;
        }
        assert_int_equal(nonce_seal(key, "prod.example.org", (struct bytes){binder, binder_len},
                                    nonce, len, &err),
                         0);
        assert_memory_equal(nonce, expected, len);
    }
}

static void the_identifier_is_the_cut_digest(void **state)
{
    uint8_t nonce[NONCE_LEN];
    uint8_t expected[NONCE_ID_LEN];
    uint8_t id[NONCE_ID_LEN];

    unhex("010701a0c4506c000001000102030405060708090a0b0c0d21cdc579e160603bdf6072005e7f727f7dd79e76"
          "947994a0",
          nonce, sizeof(nonce));
    unhex("fc35b8acc289e9a216e624b2d35da87f", expected, sizeof(expected));
    assert_true(nonce_id((struct bytes){nonce, sizeof(nonce)}, id));
    assert_memory_equal(id, expected, sizeof(id));
}

static void the_key_of_a_day_is_derived_from_the_secret(void **state)
{
    uint8_t secret[NONCE_SECRET_LEN];
    uint8_t expected[NONCE_KEY_LEN];
    uint8_t key[NONCE_KEY_LEN];
    struct err err;

    memset(secret, 0x43, sizeof(secret));
    unhex("b4a649650a47d8d069aee6fb5573e47d964f3fb777564305aa06e30fb7905f4d", expected,
          sizeof(expected));
    assert_int_equal(nonce_key(secret, 20717, key, &err), 0);
    assert_memory_equal(key, expected, sizeof(key));
}

static struct nonce_issuer test_issuer(void)
{
    struct nonce_issuer issuer = {.trust_domain = "prod.example.org", .replica = 1};

    memset(issuer.secret, 0x43, sizeof(issuer.secret));
    return issuer;
}

static void each_served_length_is_accepted_until_it_is_too_old(void **state)
{
    static const size_t lens[] = {32, 48, 64};
    struct nonce_issuer issuer = test_issuer();

    for (size_t i = 0; i < 3; i++) {
        uint8_t nonce[NONCE_LEN_MAX];
        struct bytes bytes = {nonce, lens[i]};
        struct verdict verdict = {.code = VERDICT_ACCEPTED};
        struct err err;

        assert_int_equal(nonce_issue(&issuer, lens[i], NOW_MS, nonce, &err), 0);
        assert_true(nonce_check(&issuer, bytes, NOW_MS, &verdict));
        assert_true(nonce_check(&issuer, bytes, NOW_MS + 125000, &verdict));
        assert_false(nonce_check(&issuer, bytes, NOW_MS + 125001, &verdict));
        assert_int_equal(verdict.code, VERDICT_NONCE_EXPIRED);
        assert_true(nonce_check(&issuer, bytes, NOW_MS - 5000, &verdict));
        assert_false(nonce_check(&issuer, bytes, NOW_MS - 5001, &verdict));
        assert_int_equal(verdict.code, VERDICT_NONCE_INVALID);
        assert_string_equal(verdict.slug, "nonce-from-the-future");
    }
}

static void every_altered_byte_is_refused(void **state)
{
    struct nonce_issuer issuer = test_issuer();
    uint8_t nonce[NONCE_LEN];
    struct err err;

    assert_int_equal(nonce_issue(&issuer, sizeof(nonce), NOW_MS, nonce, &err), 0);
    for (size_t i = 0; i < sizeof(nonce); i++) {
        struct verdict verdict = {.code = VERDICT_ACCEPTED};

        nonce[i] ^= 0x80;
        assert_false(nonce_check(&issuer, (struct bytes){nonce, sizeof(nonce)}, NOW_MS, &verdict));
        assert_int_equal(verdict.code, VERDICT_NONCE_INVALID);
        nonce[i] ^= 0x80;
    }
}

static void what_another_authority_issued_is_refused(void **state)
{
    struct nonce_issuer issuer = test_issuer();
    uint8_t nonce[NONCE_LEN];
    struct bytes bytes = {nonce, sizeof(nonce)};
    struct verdict verdict;
    struct nonce_issuer other = test_issuer();
    struct err err;

    assert_int_equal(nonce_issue(&issuer, sizeof(nonce), NOW_MS, nonce, &err), 0);
    other.trust_domain = "prod.example.com";
    assert_false(nonce_check(&other, bytes, NOW_MS, &verdict));
    assert_string_equal(verdict.slug, "nonce-tag");
    other = test_issuer();
    other.secret[31] ^= 1;
    assert_false(nonce_check(&other, bytes, NOW_MS, &verdict));
    assert_string_equal(verdict.slug, "nonce-tag");
    other = test_issuer();
    other.replica = 2;
    assert_false(nonce_check(&other, bytes, NOW_MS, &verdict));
    assert_int_equal(verdict.code, VERDICT_UNAVAILABLE);
    assert_string_equal(verdict.slug, "nonce-of-another-replica");
}

static void a_nonce_from_before_midnight_holds_after_it(void **state)
{
    struct nonce_issuer issuer = test_issuer();
    uint64_t midnight_ms = 20718ULL * 86400000;
    uint8_t nonce[NONCE_LEN];
    struct bytes bytes = {nonce, sizeof(nonce)};
    struct verdict verdict;
    struct err err;

    assert_int_equal(nonce_issue(&issuer, sizeof(nonce), midnight_ms - 1000, nonce, &err), 0);
    assert_true(nonce_check(&issuer, bytes, midnight_ms + 60000, &verdict));
    assert_false(nonce_check(&issuer, bytes, midnight_ms + 86400000, &verdict));
    assert_string_equal(verdict.slug, "nonce-key-unknown");
}

static void other_lengths_and_versions_are_refused(void **state)
{
    struct nonce_issuer issuer = test_issuer();
    uint8_t nonce[NONCE_LEN_MAX + 1] = {1};
    struct verdict verdict;

    for (size_t len = 0; len <= sizeof(nonce); len++) {
        assert_false(nonce_check(&issuer, (struct bytes){nonce, len}, NOW_MS, &verdict));
        assert_int_equal(verdict.code, VERDICT_NONCE_INVALID);
        assert_int_equal(nonce_len_served(len), len == 32 || len == 48 || len == 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_specification_come_out),
        cmocka_unit_test(the_identifier_is_the_cut_digest),
        cmocka_unit_test(the_key_of_a_day_is_derived_from_the_secret),
        cmocka_unit_test(each_served_length_is_accepted_until_it_is_too_old),
        cmocka_unit_test(every_altered_byte_is_refused),
        cmocka_unit_test(what_another_authority_issued_is_refused),
        cmocka_unit_test(a_nonce_from_before_midnight_holds_after_it),
        cmocka_unit_test(other_lengths_and_versions_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
