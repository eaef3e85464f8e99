/*
 * Rows 55 to 63: the root's revocation list, one thing wrong at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/crl.h"
#include "tests/lib/revocation.h"
#include "tests/lib/specimen.h"

#define NUMBER 300 /* two bytes */

/* A list that holds; a case alters it before it is made. */
static struct revocation sound(const struct specimen *specimen)
{
    return (struct revocation){
        .issuer = &specimen->ark,
        .signer = specimen->ark_key,
        .number = NUMBER,
        .this_update = SPECIMEN_NOW - 3600,
        .next_update = SPECIMEN_NOW + 86400,
    };
}

static void crl_required(struct specimen *specimen)
{
    specimen->options.vendor_crl = VENDOR_CRL_REQUIRE;
}

static void not_der(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    revocation_make(&list, &specimen->crls[0]);
    specimen->crls[0].data[specimen->crls[0].len++] = 0;
}

static void only_version_1(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.version_1 = true;
    revocation_make(&list, &specimen->crls[0]);
}

static void another_digest(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.sha256 = true;
    revocation_make(&list, &specimen->crls[0]);
}

static void signed_by_the_intermediate(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.issuer = &specimen->ask;
    list.signer = specimen->ask_key;
    revocation_make(&list, &specimen->crls[0]);
}

static void without_key_id(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.without_key_id = true;
    revocation_make(&list, &specimen->crls[0]);
}

static void another_signer(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.signer = specimen->ask_key;
    revocation_make(&list, &specimen->crls[0]);
}

static void altered(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    revocation_make(&list, &specimen->crls[0]);
    specimen->crls[0].data[specimen->crls[0].len - 1] ^= 1;
}

static void delta(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.critical = true;
    revocation_make(&list, &specimen->crls[0]);
}

static void critical_entry(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.revoked = &specimen->vek;
    list.critical_entry = true;
    revocation_make(&list, &specimen->crls[0]);
}

static void too_early(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.this_update = SPECIMEN_NOW + 301;
    revocation_make(&list, &specimen->crls[0]);
}

static void without_end(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.next_update = 0;
    revocation_make(&list, &specimen->crls[0]);
}

static void at_its_end(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.next_update = SPECIMEN_NOW;
    revocation_make(&list, &specimen->crls[0]);
}

static void without_number(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.number = -1;
    revocation_make(&list, &specimen->crls[0]);
}

/* The options of a caller that has accepted number 300 of an hour ago; lives as long as a case. */
static void remember(struct specimen *specimen)
{
    static struct crl_mark mark;

    mark = (struct crl_mark){
        .number = {NUMBER >> 8, NUMBER & 0xff},
        .number_len = 2,
        .this_update = SPECIMEN_NOW - 3600,
    };
    memcpy(mark.ark_spki_sha256, specimen->anchors[0].spki_sha256, sizeof(mark.ark_spki_sha256));
    specimen->options.crl_marks = &mark;
    specimen->options.num_crl_marks = 1;
}

static void lower_number(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    remember(specimen);
    list.number = 255; /* shorter, and its first byte is greater */
    revocation_make(&list, &specimen->crls[0]);
}

static void earlier_issue(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    remember(specimen);
    list.this_update--;
    revocation_make(&list, &specimen->crls[0]);
}

static void revoke_intermediate(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.revoked = &specimen->ask;
    revocation_make(&list, &specimen->crls[0]);
}

static void revoke_root(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    list.revoked = &specimen->ark;
    revocation_make(&list, &specimen->crls[0]);
}

/* An older list that says nothing does not hide a newer one. */
static void revoke_in_the_newer_of_two(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    revocation_make(&list, &specimen->crls[0]);
    list.number++;
    list.revoked = &specimen->ask;
    revocation_make(&list, &specimen->crls[1]);
}

static void sound_list(struct specimen *specimen)
{
    struct revocation list = sound(specimen);

    specimen->crls[1].len = 0;
    revocation_make(&list, &specimen->crls[0]);
}

#define ASVK                                                                                       \
    {                                                                                              \
        "Genoa", 5, "CN=cc-test.example"                                                           \
    }

// clang-format off
static const struct specimen_case cases[] = {
    {"crl-missing",            55, VERDICT_COLLATERAL_UNAVAILABLE, crl_required, {0}},
    {"crl-malformed",          56, VERDICT_COLLATERAL_INVALID, not_der, {0}},
    {"crl-malformed",          56, VERDICT_COLLATERAL_INVALID, only_version_1, {0}},
    {"crl-algorithm",          57, VERDICT_COLLATERAL_INVALID, another_digest, {0}},
    {"crl-issuer",             58, VERDICT_COLLATERAL_INVALID, signed_by_the_intermediate, {0}},
    {"crl-issuer",             58, VERDICT_COLLATERAL_INVALID, without_key_id, {0}},
    {"crl-signature",          59, VERDICT_COLLATERAL_INVALID, another_signer, {0}},
    {"crl-signature",          59, VERDICT_COLLATERAL_INVALID, altered, {0}},
    {"crl-critical-extension", 60, VERDICT_COLLATERAL_INVALID, delta, {0}},
    {"crl-critical-extension", 60, VERDICT_COLLATERAL_INVALID, critical_entry, {0}},
    {"crl-not-yet-valid",      61, VERDICT_COLLATERAL_INVALID, too_early, {0}},
    {"crl-no-next-update",     61, VERDICT_COLLATERAL_INVALID, without_end, {0}},
    {"crl-expired",            61, VERDICT_COLLATERAL_INVALID, at_its_end, {0}},
    {"crl-number-missing",     62, VERDICT_COLLATERAL_INVALID, without_number, {0}},
    {"crl-rollback",           62, VERDICT_COLLATERAL_INVALID, lower_number, {0}},
    {"crl-rollback",           62, VERDICT_COLLATERAL_INVALID, earlier_issue, {0}},
    {"intermediate-revoked",   63, VERDICT_REVOKED, revoke_intermediate, {0}},
    {"intermediate-revoked",   63, VERDICT_REVOKED, revoke_intermediate, ASVK},
    {"intermediate-revoked",   63, VERDICT_REVOKED, revoke_in_the_newer_of_two, {0}},
    {"root-revoked",           63, VERDICT_REVOKED, revoke_root, {0}},
};
// clang-format on

static const struct specimen_kind milan = {"Milan", 3, NULL};

static void accept(struct specimen *specimen, struct claims *out_claims)
{
    struct verdict verdict;

    if (!specimen_verify(specimen, out_claims, &verdict)) {
        fail_msg("%d %s: %s / %s", verdict.row, verdict.slug, verdict.expected, verdict.actual);
    }
}

static void a_list_that_holds_is_remembered_and_bounds_the_verdict(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct revocation list = sound(specimen);
    struct claims claims;

    crl_required(specimen);
    remember(specimen);
    list.revoked = &specimen->vek; /* a VEK is not looked up: all have serial 0 */
    revocation_make(&list, &specimen->crls[0]);
    accept(specimen, &claims);
    assert_true(claims.crl_used);
    assert_int_equal(claims.crl_number_len, 2);
    assert_memory_equal(claims.crl_number, "\x01\x2c", 2);
    assert_true(claims.crl_this_update == list.this_update);
    assert_true(claims.valid_until == list.next_update);
    assert_memory_equal(claims.ark_spki_sha256, specimen->anchors[0].spki_sha256, 32);
    specimen_free(specimen);
}

static void a_bad_list_does_not_hide_a_good_one(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct claims claims;

    crl_required(specimen);
    for (size_t bad = 0; bad < 2; bad++) {
        struct revocation list = sound(specimen);

        revocation_make(&list, &specimen->crls[1 - bad]);
        list.number++;
        list.next_update = SPECIMEN_NOW - 1;
        revocation_make(&list, &specimen->crls[bad]);
        accept(specimen, &claims);
    }
    specimen_free(specimen);
}

/* The number first, then the date; whichever comes first among those at hand. */
static void of_two_lists_the_newer_decides(void **state)
{
    static const struct {
        int number; /* how much the newer one is ahead */
        int seconds;
    } rows[] = {{1, 0}, {0, 60}, {1, -60}, {1, 60}};
    struct specimen *specimen = specimen_new(&milan);

    for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t newer = i % 2;
        const bool newer_revokes = i / 2 % 2 == 0;
        struct revocation list = sound(specimen);
        struct claims claims;
        struct verdict verdict = {0};

        list.revoked = newer_revokes ? NULL : &specimen->ask;
        revocation_make(&list, &specimen->crls[1 - newer]);
        list.number += rows[i / 4].number;
        list.this_update += rows[i / 4].seconds;
        list.revoked = newer_revokes ? &specimen->ask : NULL;
        revocation_make(&list, &specimen->crls[newer]);
        if (newer_revokes) {
            assert_false(specimen_verify(specimen, &claims, &verdict));
            assert_string_equal(verdict.slug, "intermediate-revoked");
        } else {
            accept(specimen, &claims);
        }
    }
    specimen_free(specimen);
}

static void the_window_holds_to_the_second(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct revocation list = sound(specimen);
    struct claims claims;

    crl_required(specimen);
    list.this_update = SPECIMEN_NOW + 300;
    list.next_update = SPECIMEN_NOW + 301;
    revocation_make(&list, &specimen->crls[0]);
    accept(specimen, &claims);
    list.this_update = SPECIMEN_NOW;
    list.next_update = SPECIMEN_NOW + 1;
    revocation_make(&list, &specimen->crls[0]);
    accept(specimen, &claims);
    specimen_free(specimen);
}

/* What was remembered for one kind of key says nothing about the other. */
static void the_kinds_of_key_are_remembered_apart(void **state)
{
    static const struct specimen_kind vlek = ASVK;
    struct specimen *specimen = specimen_new(&vlek);
    struct claims claims;

    lower_number(specimen);
    accept(specimen, &claims);
    assert_true(claims.vlek);
    specimen_free(specimen);
}

static void a_list_of_another_root_says_nothing(void **state)
{
    static const struct specimen_kind turin = {"Turin", 5, NULL};
    struct specimen *specimen = specimen_new(&milan);
    struct specimen *other = specimen_new(&turin);
    struct revocation list = sound(other);
    struct claims claims;
    struct verdict verdict;

    list.issuer = &other->ask; /* all roots here have one key, and with it one key identifier */
    list.signer = other->ask_key;
    list.next_update = SPECIMEN_NOW - 1;
    revocation_make(&list, &specimen->crls[0]);
    accept(specimen, &claims);
    assert_false(claims.crl_used);
    crl_required(specimen);
    assert_false(specimen_verify(specimen, &claims, &verdict));
    assert_string_equal(verdict.slug, "crl-missing");
    specimen_free(other);
    specimen_free(specimen);
}

static void numbers_are_compared_as_numbers(void **state)
{
#define N(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})
    assert_int_equal(crl_compare_numbers(N("\x05"), N("\x05")), 0);
    assert_true(crl_compare_numbers(N("\xff"), N("\x01\x00")) < 0);
    assert_true(crl_compare_numbers(N("\x01\x01"), N("\x01\x00")) > 0);
    assert_true(crl_compare_numbers((struct bytes){0}, N("\x00")) < 0);
#undef N
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_holds_is_remembered_and_bounds_the_verdict),
        cmocka_unit_test(a_bad_list_does_not_hide_a_good_one),
        cmocka_unit_test(of_two_lists_the_newer_decides),
        cmocka_unit_test(the_window_holds_to_the_second),
        cmocka_unit_test(the_kinds_of_key_are_remembered_apart),
        cmocka_unit_test(a_list_of_another_root_says_nothing),
        cmocka_unit_test(numbers_are_compared_as_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) +
           specimen_run("rows 55 to 63", cases, sizeof(cases) / sizeof(cases[0]), sound_list);
}
