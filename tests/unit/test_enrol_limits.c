/*
 * Enrolments that come too often: which of them count, and against whom.
 */
#include "ca/enrol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "attest/sim.h"
#include "common/err.h"
#include "tests/lib/attempt.h"
#include "tests/lib/authority.h"

#define OFFSET_MEASUREMENT 0x90
#define OFFSET_CHIP 0x1a0

static int setup(void **state)
{
    static struct authority authority;

    authority_init(&authority, AUTHORITY_POLICY "masked_chip = allow\n");
    *state = &authority;
    return 0;
}

static int teardown(void **state)
{
    struct authority *authority = *state;

    limits_free(authority->enrol.limits);
    authority_deinit(authority);
    return 0;
}

/* `burst` enrolments of this kind in a minute. */
static void limit(struct authority *authority, enum limit kind, uint64_t burst)
{
    struct limits_rate rates[LIMIT_KINDS] = {{0}};
    struct err err = {0};

    rates[kind] = (struct limits_rate){1, 60, burst};
    authority->enrol.limits = limits_new(rates, &err);
    assert_non_null(authority->enrol.limits);
}

/* Decides, and checks that a refusal for coming too often is this one.  True: it was. */
static bool comes_too_often(struct attempt *a, enum limit kind, const char *slug)
{
    const struct enrol_result *result = &a->result;

    if (attempt_decide(a)) {
        assert_false(result->limited);
        return false;
    }
    assert_int_equal(result->limited, result->verdict.code == VERDICT_RATE_LIMITED);
    if (result->limited) {
        assert_int_equal(result->limit, kind);
        assert_in_range(result->retry_s, 1, 60);
        assert_string_equal(result->verdict.slug, slug);
        assert_int_not_equal(result->verdict.actual[0], '\0');
        assert_int_equal(a->leaf.len, 0);
    }
    return result->limited;
}

static void another_measurement(struct attempt *a)
{
    struct err err = {0};

    a->report[OFFSET_MEASUREMENT] ^= 1;
    assert_int_equal(sim_sign(a->authority->machine_key, a->report, &err), 0);
}

static void altered_report(struct attempt *a)
{
    a->report[OFFSET_MEASUREMENT] ^= 1;
}

static const struct change strange[] = {{STAGE_REPORTED, another_measurement},
                                        {STAGE_REPORTED, altered_report}};

/* Once, with a new key. */
static bool once(struct authority *authority, const struct change *change)
{
    struct attempt *a = attempt_new(authority);
    bool limited = false;

    attempt_prepare(a, change);
    limited = comes_too_often(a, LIMIT_CHIP, "chip-rate");
    assert_true(limited || change == &strange[0] || change == &strange[1] || a->leaf.len > 0);
    attempt_free(a);
    return limited;
}

static void a_chip_has_a_limit_whatever_the_keys(void **state)
{
    limit(*state, LIMIT_CHIP, 2);
    assert_false(once(*state, NULL));
    assert_false(once(*state, NULL));
    assert_true(once(*state, NULL));
}

/* Neither those who only name the chip, nor genuine guests on it that are not ours. */
static void strangers_do_not_use_up_a_chip(void **state)
{
    limit(*state, LIMIT_CHIP, 1);
    for (unsigned i = 0; i < 6; i++) {
        assert_false(once(*state, &strange[i % 2]));
    }
    assert_false(once(*state, NULL));
    assert_true(once(*state, NULL));
}

static void masked(struct attempt *a)
{
    struct err err = {0};

    memset(a->report + OFFSET_CHIP, 0, CLAIMS_CHIP_LEN);
    assert_int_equal(sim_sign(a->authority->machine_key, a->report, &err), 0);
}

/* The certificate of its key still says which it is. */
static void a_chip_that_masks_its_name_is_limited_with_its_others(void **state)
{
    static const struct change change = {STAGE_REPORTED, masked};

    limit(*state, LIMIT_CHIP, 2);
    assert_false(once(*state, &change));
    assert_false(once(*state, NULL));
    assert_true(once(*state, &change));
    assert_true(once(*state, NULL));
}

static void a_key_has_a_limit_even_for_the_same_request(void **state)
{
    struct attempt *a = attempt_new(*state);

    limit(*state, LIMIT_KEY, 2);
    attempt_prepare(a, NULL);
    assert_false(comes_too_often(a, LIMIT_KEY, "key-rate"));
    assert_false(comes_too_often(a, LIMIT_KEY, "key-rate"));
    assert_true(comes_too_often(a, LIMIT_KEY, "key-rate"));
    attempt_free(a);
    a = attempt_new(*state);
    attempt_prepare(a, NULL);
    assert_false(comes_too_often(a, LIMIT_KEY, "key-rate"));
    attempt_free(a);
}

static void broken_signature(struct attempt *a)
{
    a->body_storage[a->body.len - 12] = a->body_storage[a->body.len - 12] == 'A' ? 'B' : 'A';
}

/* A key is public: who cannot sign with it does not count. */
static void only_who_has_the_key_uses_it_up(void **state)
{
    struct attempt *a = attempt_new(*state);
    struct attempt *thief = attempt_new(*state);

    limit(*state, LIMIT_KEY, 1);
    EVP_PKEY_free(thief->key);
    thief->key = a->key;
    EVP_PKEY_up_ref(a->key);
    attempt_prepare(thief, &(struct change){STAGE_REQUESTED, broken_signature});
    for (unsigned i = 0; i < 3; i++) {
        assert_false(comes_too_often(thief, LIMIT_KEY, "key-rate"));
        assert_int_equal(thief->result.verdict.code, VERDICT_CSR_INVALID);
    }
    attempt_prepare(a, NULL);
    assert_true(attempt_decide(a));
    attempt_free(thief);
    attempt_free(a);
}

static void a_request_that_waited_for_the_vendor_counts_once(void **state)
{
    const struct vendor_item item = {.data = {NULL, 0}};
    struct attempt *a = attempt_new(*state);

    limit(*state, LIMIT_KEY, 1);
    attempt_prepare(a, NULL);
    assert_false(comes_too_often(a, LIMIT_KEY, "key-rate"));
    a->request.fetched = &item;
    a->request.num_fetched = 1;
    assert_false(comes_too_often(a, LIMIT_KEY, "key-rate"));
    attempt_free(a);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_chip_has_a_limit_whatever_the_keys),
        CASE(strangers_do_not_use_up_a_chip),
        CASE(a_chip_that_masks_its_name_is_limited_with_its_others),
        CASE(a_key_has_a_limit_even_for_the_same_request),
        CASE(only_who_has_the_key_uses_it_up),
        CASE(a_request_that_waited_for_the_vendor_counts_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
