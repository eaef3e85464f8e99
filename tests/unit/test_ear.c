/*
 * Ear: the vector of the enrolment protocol, both ways, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "common/ear.h"
#include "common/err.h"

#define CMW_LEN 314
#define UCCS_OFFSET 7 /* array, type, head of the byte string */
#define UCCS_LEN 306

static struct ear example(void)
{
    struct ear ear = {
        .iat = 1790000000,
        .status = EAR_AFFIRMING,
        .instance_identified = true,
        .genuine = true,
        .policy_id = "ni:///sha-256;47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        .tee = "snp",
        .epoch = 42,
        .measurement_len = 48,
        .guest_policy = 196608,
        .tcb = {7, 0, 21, 72, 0},
        .tcb_present = {true, true, true, true, false},
        .verifier_build = "liftgate-ca 1.0.0",
    };

    return ear;
}

static size_t encode(const struct ear *ear, uint8_t out[static EAR_CMW_MAX])
{
    struct buf buf = buf_over(out, EAR_CMW_MAX);
    struct err err;

    assert_int_equal(ear_encode(ear, &buf, &err), 0);
    return buf.len;
}

static void the_example_has_the_bytes_of_the_vector(void **state)
{
    static const uint8_t digest[] = {
        0xea, 0x59, 0x84, 0x15, 0x2e, 0xe0, 0x41, 0xbf, 0x4a, 0xce, 0x57,
        0xdd, 0xe4, 0x7b, 0xd9, 0xa9, 0x5d, 0x2e, 0x0e, 0x63, 0x9a, 0xd8,
        0xad, 0x6d, 0x00, 0xb3, 0x99, 0x9c, 0xe9, 0xdb, 0x6a, 0xdf,
    };
    const struct ear ear = example();
    uint8_t cmw[EAR_CMW_MAX];
    uint8_t found[SHA256_DIGEST_LENGTH];

    assert_int_equal(encode(&ear, cmw), CMW_LEN);
    assert_memory_equal(cmw, "\x83\x19\x01\x0b\x59\x01\x32\xd9\x02\x59", 10);
    assert_int_equal(cmw[CMW_LEN - 1], 8);
    assert_non_null(SHA256(cmw + UCCS_OFFSET, UCCS_LEN, found));
    assert_memory_equal(found, digest, sizeof(digest));
}

static void what_was_encoded_is_decoded(void **state)
{
    struct ear rows[3] = {example(), example(), example()};

    rows[1].status = EAR_NONE;
    rows[1].instance_identified = false;
    rows[1].genuine = false;
    snprintf(rows[1].tee, sizeof(rows[1].tee), "sim");
    rows[2].tcb[4] = 255;
    rows[2].tcb_present[4] = true;
    memset(rows[2].measurement, 0xab, 64);
    rows[2].measurement_len = 64;
    rows[2].epoch = UINT64_MAX;
    for (size_t i = 0; i < 3; i++) {
        uint8_t cmw[EAR_CMW_MAX];
        size_t len = encode(&rows[i], cmw);
        struct ear ear;
        struct err err;

        assert_int_equal(ear_decode((struct bytes){cmw, len}, &ear, &err), 0);
        assert_true(ear.iat == rows[i].iat && ear.status == rows[i].status);
        assert_int_equal(ear.instance_identified, rows[i].instance_identified);
        assert_int_equal(ear.genuine, rows[i].genuine);
        assert_string_equal(ear.policy_id, rows[i].policy_id);
        assert_string_equal(ear.tee, rows[i].tee);
        assert_true(ear.epoch == rows[i].epoch && ear.guest_policy == rows[i].guest_policy);
        assert_int_equal(ear.measurement_len, rows[i].measurement_len);
        assert_memory_equal(ear.measurement, rows[i].measurement, ear.measurement_len);
        assert_memory_equal(ear.tcb, rows[i].tcb, sizeof(ear.tcb));
        assert_memory_equal(ear.tcb_present, rows[i].tcb_present, sizeof(ear.tcb_present));
        assert_string_equal(ear.verifier_build, rows[i].verifier_build);
    }
}

static void every_truncation_is_refused(void **state)
{
    const struct ear source = example();
    uint8_t cmw[EAR_CMW_MAX];
    size_t len = encode(&source, cmw);

    for (size_t i = 0; i < len; i++) {
        struct ear ear = {.epoch = 4711};
        struct err err;

        assert_int_equal(ear_decode((struct bytes){cmw, i}, &ear, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(ear.epoch == 4711);
    }
}

/* Finds `from` in the example and puts `to` of the same length in its place. */
static void changed_bytes_are_refused(void **state)
{
    static const struct {
        const char *what;
        const char *from;
        const char *to;
        size_t len;
        const char *message; /* behind "attestation result: " */
    } rows[] = {
        {"another type", "\x19\x01\x0b", "\x19\x01\x0c", 3, "CMW record of another type"},
        {"two elements", "\x83\x19", "\x82\x19", 2, "not a CMW record"},
        {"other tag", "\xd9\x02\x59", "\xd9\x02\x58", 3, "not an EAR that we know"},
        {"later revision", "ear#04", "ear#05", 6, "not an EAR that we know"},
        {"no submodule cpu", "cpu", "gpu", 3, "not an EAR that we know"},
        {"a tier over 127", "\xa5\x00\x02\x01\x02\x02\x03\x04\x02\x05\x02",
         "\xa4\x00\x02\x01\x02\x02\x03\x04\x19\x01\x00", 11, "not an EAR that we know"},
        {"status unknown", "\x19\x03\xe8\x02", "\x19\x03\xe8\x03", 4, "not an EAR that we know"},
        {"status key missing", "\x19\x03\xe8", "\x19\x03\xe7", 3, "not an EAR that we know"},
        {"tee missing",
         "ctee"
         "csnp",
         "ctef"
         "csnp",
         8, "not an EAR that we know"},
        {"tee repeated", "epoch", "measu", 5, "not an EAR that we know"},
        {"keys out of order", "ctee", "caaa", 4, "not an EAR that we know"},
        {"tee not printable", "csnpe", "csn\ne", 5, "not an EAR that we know"},
        {"TCB component over 255", "\x18\x48", "\x20\x48", 2, "not an EAR that we know"},
        {"a null", "\x18\x2a", "\xf6\x2a", 2, "not an EAR that we know"},
    };
    const struct ear source = example();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t cmw[EAR_CMW_MAX];
        size_t len = encode(&source, cmw);
        uint8_t *at = memmem(cmw, len, rows[i].from, rows[i].len);
        struct ear ear;
        struct err err;

        assert_non_null(at);
        memcpy(at, rows[i].to, rows[i].len);
        if (ear_decode((struct bytes){cmw, len}, &ear, &err) == 0) {
            fail_msg("taken: %s", rows[i].what);
        }
        assert_string_equal(err.msg + strlen("attestation result: "), rows[i].message);
    }
}

/* Puts `to` in the place of the first `from`, and the length of the claims right. */
static size_t replace(uint8_t cmw[static EAR_CMW_MAX], size_t len, struct bytes from,
                      struct bytes to)
{
    uint8_t *at = memmem(cmw, len, from.data, from.len);
    size_t behind = 0;
    size_t uccs_len = 0;

    assert_non_null(at);
    behind = len - (size_t)(at - cmw) - from.len;
    len = len - from.len + to.len;
    assert_true(len <= EAR_CMW_MAX);
    memmove(at + to.len, at + from.len, behind);
    memcpy(at, to.data, to.len);
    uccs_len = len - UCCS_OFFSET - 1;
    cmw[UCCS_OFFSET - 2] = (uint8_t)(uccs_len >> 8);
    cmw[UCCS_OFFSET - 1] = (uint8_t)uccs_len;
    return len;
}

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define ZEROS_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZEROS_48 ZEROS_16 ZEROS_16 ZEROS_16
#define A_8 "aaaaaaaa"
#define A_64 A_8 A_8 A_8 A_8 A_8 A_8 A_8 A_8

static void lengths_numbers_and_keys_have_their_bounds(void **state)
{
    static const struct {
        const char *what;
        struct bytes from;
        struct bytes to;
        bool taken;
    } rows[] = {
        {"a platform of 7 letters", BYTES("cteecsnp"), BYTES("cteegaaaaaaa"), true},
        {"of 8", BYTES("cteecsnp"), BYTES("cteehaaaaaaaa"), false},
        {"of none", BYTES("cteecsnp"), BYTES("ctee\x60"), false},
        {"a letter that is none", BYTES("cteecsnp"), BYTES("cteecsn\x7f"), false},
        {"a measurement of 64 bytes", BYTES("\x58\x30" ZEROS_48),
         BYTES("\x58\x40" ZEROS_48 ZEROS_16), true},
        {"of 65", BYTES("\x58\x30" ZEROS_48), BYTES("\x58\x41" ZEROS_48 ZEROS_16 "\0"), false},
        {"of none", BYTES("\x58\x30" ZEROS_48), BYTES("\x40"), false},
        {"a TCB component of 255", BYTES("\x18\x48"), BYTES("\x18\xff"), true},
        {"of 256", BYTES("\x18\x48"), BYTES("\x19\x01\0"), false},
        {"a time that is none", BYTES("\x06\x1a\x6a\xb1\x3b\x80"),
         BYTES("\x06\x1b\x80\0\0\0\0\0\0\0"), false},
        {"no time", BYTES("\xa4\x06\x1a\x6a\xb1\x3b\x80"), BYTES("\xa3"), false},
        {"no claims", BYTES("\x19\x03\xed"), BYTES("\x19\x03\xee"), false},
        {"no policy", BYTES("\x19\x03\xeb\x81\x78"), BYTES("\x19\x03\xeb\x80\x78"), false},
        {"a key twice", BYTES("\xa5\0\x02\x01\x02"), BYTES("\xa5\0\x02\0\x02"), false},
        {"a builder of 64 letters", BYTES("\x71liftgate-ca 1.0.0"), BYTES("\x78\x40" A_64), false},
    };
    const struct ear source = example();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t cmw[EAR_CMW_MAX];
        size_t len = replace(cmw, encode(&source, cmw), rows[i].from, rows[i].to);
        struct ear ear;
        struct err err;

        if ((ear_decode((struct bytes){cmw, len}, &ear, &err) == 0) != rows[i].taken) {
            fail_msg("%s: %s", rows[i].what, rows[i].taken ? err.msg : "taken");
        }
    }
}

static void a_second_policy_is_refused(void **state)
{
    static const struct bytes head = BYTES("\x19\x03\xeb\x81");
    static const struct bytes two = BYTES("\x19\x03\xeb\x82");
    static const struct bytes claims = BYTES("\x19\x03\xed");
    static const struct bytes second = BYTES("\x61\x61\x19\x03\xed");
    const struct ear source = example();
    uint8_t cmw[EAR_CMW_MAX];
    size_t len = replace(cmw, encode(&source, cmw), head, two);
    struct ear ear;
    struct err err;

    len = replace(cmw, len, claims, second);
    assert_int_equal(ear_decode((struct bytes){cmw, len}, &ear, &err), -1);
}

static void what_is_longer_than_a_result_is_not_looked_at(void **state)
{
    const struct ear source = example();
    uint8_t cmw[EAR_CMW_MAX + 1] = {0};
    struct ear ear;
    struct err err;

    encode(&source, cmw);
    assert_int_equal(ear_decode((struct bytes){cmw, sizeof(cmw)}, &ear, &err), -1);
    assert_string_equal(err.msg, "attestation result: over 1024 bytes");
}

/* hardware and runtime-opaque: one alone is no vendor's root. */
static void both_tiers_make_a_genuine_platform(void **state)
{
    const struct ear source = example();

    for (size_t i = 0; i < 2; i++) {
        uint8_t cmw[EAR_CMW_MAX];
        size_t len = encode(&source, cmw);
        uint8_t *at = memmem(cmw, len, "\x04\x02\x05\x02", 4);
        struct ear ear;
        struct err err;

        assert_non_null(at);
        at[1 + 2 * i] = 0;
        assert_int_equal(ear_decode((struct bytes){cmw, len}, &ear, &err), 0);
        assert_false(ear.genuine);
    }
}

static void bytes_behind_the_claims_are_refused(void **state)
{
    const struct ear source = example();
    uint8_t cmw[EAR_CMW_MAX];
    size_t len = encode(&source, cmw);
    struct ear ear;
    struct err err;

    cmw[6]++; /* the byte string's length: one more */
    cmw[len - 1] = 0;
    cmw[len] = 8;
    assert_int_equal(ear_decode((struct bytes){cmw, len + 1}, &ear, &err), -1);
    assert_string_equal(err.msg, "attestation result: not an EAR that we know");
}

static void another_indicator_and_bytes_behind_the_record_are_refused(void **state)
{
    const struct ear source = example();
    uint8_t cmw[EAR_CMW_MAX];
    size_t len = encode(&source, cmw);
    struct ear ear;
    struct err err;

    cmw[len] = 0;
    assert_int_equal(ear_decode((struct bytes){cmw, len + 1}, &ear, &err), -1);
    cmw[len - 1] = 4;
    assert_int_equal(ear_decode((struct bytes){cmw, len}, &ear, &err), -1);
    assert_string_equal(err.msg, "attestation result: CMW record of another type");
}

/* The example with keys that nobody knows in its last map, `num_pairs` with those that it has. */
static size_t encode_with_pairs(unsigned num_pairs, uint8_t out[static EAR_CMW_MAX])
{
    const struct ear source = example();
    size_t len = encode(&source, out) - 1; /* without the indicator */
    uint8_t *map = memmem(out, len, "\x19\x03\xec\xa2\x00", 5);
    size_t uccs_len = 0;

    assert_non_null(map);
    map += 3;
    memmove(map + 1, map, len - (size_t)(map - out));
    map[0] = 0xb8; /* a map whose number of pairs follows */
    map[1] = (uint8_t)num_pairs;
    len++;
    for (unsigned key = 2; key < num_pairs; key++) {
        if (key > 23) {
            out[len++] = 0x18;
        }
        out[len++] = (uint8_t)key;
        out[len++] = 0;
    }
    uccs_len = len - UCCS_OFFSET;
    out[UCCS_OFFSET - 2] = (uint8_t)(uccs_len >> 8);
    out[UCCS_OFFSET - 1] = (uint8_t)uccs_len;
    out[len++] = 8;
    return len;
}

static void a_map_has_32_pairs_at_most(void **state)
{
    uint8_t cmw[EAR_CMW_MAX];
    struct ear ear;
    struct err err;

    assert_int_equal(ear_decode((struct bytes){cmw, encode_with_pairs(32, cmw)}, &ear, &err), 0);
    assert_string_equal(ear.tee, "snp");
    assert_int_equal(ear_decode((struct bytes){cmw, encode_with_pairs(33, cmw)}, &ear, &err), -1);
    assert_string_equal(err.msg, "attestation result: not an EAR that we know");
}

static void revision_03_is_accepted(void **state)
{
    const struct ear source = example();
    uint8_t cmw[EAR_CMW_MAX];
    size_t len = encode(&source, cmw);
    uint8_t *at = memmem(cmw, len, "ear#04", 6);
    struct ear ear;
    struct err err;

    assert_non_null(at);
    at[5] = '3';
    assert_int_equal(ear_decode((struct bytes){cmw, len}, &ear, &err), 0);
    assert_string_equal(ear.tee, "snp");
}

static void a_result_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    const struct ear source = example();
    uint8_t storage[CMW_LEN];
    struct buf out = buf_over(storage, CMW_LEN - 1);
    struct err err;

    assert_int_equal(ear_encode(&source, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_has_the_bytes_of_the_vector),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(changed_bytes_are_refused),
        cmocka_unit_test(lengths_numbers_and_keys_have_their_bounds),
        cmocka_unit_test(a_second_policy_is_refused),
        cmocka_unit_test(what_is_longer_than_a_result_is_not_looked_at),
        cmocka_unit_test(both_tiers_make_a_genuine_platform),
        cmocka_unit_test(bytes_behind_the_claims_are_refused),
        cmocka_unit_test(another_indicator_and_bytes_behind_the_record_are_refused),
        cmocka_unit_test(a_map_has_32_pairs_at_most),
        cmocka_unit_test(revision_03_is_accepted),
        cmocka_unit_test(a_result_that_does_not_fit_leaves_the_buffer_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
