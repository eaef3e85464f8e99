/*
 * Crl: lists put together by hand, with one part that is not as it should be.
 */
#include "attest/crl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/handmade.h"

enum part { VERSION, ALGORITHM, ISSUER, THIS_UPDATE, NEXT_UPDATE, REVOKED, EXTENSIONS, PARTS };

#define DATE                                                                                       \
    "\x17\x0d"                                                                                     \
    "260101000000Z"
#define NUMBER "\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x07" /* CRLNumber 7 */
#define REASON "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x01"

static const struct bytes sound[PARTS] = {
    [VERSION] = HANDMADE("\x02\x01\x01"),
    [ALGORITHM] = HANDMADE("\x30\x02\x05\x00"),
    [ISSUER] = HANDMADE("\x30\x00"),
    [THIS_UPDATE] = HANDMADE(DATE),
    [NEXT_UPDATE] = HANDMADE("\x17\x0d"
                             "270101000000Z"),
    [REVOKED] = HANDMADE("\x30\x14\x30\x12\x02\x01\x05" DATE),
    [EXTENSIONS] = HANDMADE("\xa0\x0e\x30\x0c" NUMBER),
};

static const struct bytes signature = HANDMADE("\x03\x02\x00\x01");

static bool reads(const struct bytes parts[static PARTS], struct crl *out_crl)
{
    static uint8_t storage[HANDMADE_LEN_MAX];
    struct buf out = buf_over(storage, sizeof(storage));

    return crl_read(handmade_signed(parts, PARTS, signature, &out), out_crl);
}

static void a_sound_list_is_read(void **state)
{
    struct crl crl;

    assert_true(reads(sound, &crl));
    assert_int_equal(crl.version, 2);
    assert_true(crl.has_next_update && crl.this_update < crl.next_update);
    assert_int_equal(crl.number.len, 1);
    assert_int_equal(crl.number.data[0], 7);
    assert_false(crl.critical);
    assert_true(crl_lists(&crl, (struct bytes)HANDMADE("\x05")));
    assert_false(crl_lists(&crl, (struct bytes)HANDMADE("\x06")));
    assert_false(crl_lists(&crl, (struct bytes)HANDMADE("\x05\x05")));
    assert_false(crl_lists(&crl, (struct bytes){0}));
}

// clang-format off
static const struct {
    enum part part;
    struct bytes bytes;
    bool readable;
} rows[] = {
    {VERSION, HANDMADE(""), true},
    {VERSION, HANDMADE("\x02\x01\x00"), false},
    {VERSION, HANDMADE("\x02\x01\x02"), false},
    {VERSION, HANDMADE("\x02\x02\x01\x00"), false},
    {VERSION, HANDMADE("\x02\x00"), false},
    {ALGORITHM, HANDMADE("\x31\x00"), false},
    {ISSUER, HANDMADE("\x31\x00"), false},
    {THIS_UPDATE, HANDMADE("\x04\x00"), false},
    {THIS_UPDATE, HANDMADE("\x18\x0e" "2051010100000Z"), false},
    {THIS_UPDATE, HANDMADE("\x18\x0f" "20510101000000Z"), true},
    {THIS_UPDATE, HANDMADE("\x18\x0f" "2:510101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x18\x0d" "510101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x17\x0f" "20510101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x17\x0d" "991231235959Z"), true},
    {THIS_UPDATE, HANDMADE("\x17\x0d" "/60101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x17\x0d" ":60101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x17\x0d" "2/0101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x17\x0d" "2:0101000000Z"), false},
    {THIS_UPDATE, HANDMADE("\x17\x0d" "2601010000000"), false},
    {NEXT_UPDATE, HANDMADE(""), true},
    {NEXT_UPDATE, HANDMADE("\x17\x0c" "27010100000Z"), false},
    {NEXT_UPDATE, HANDMADE("\x04\x00"), false},
    {REVOKED, HANDMADE(""), true},
    {REVOKED, HANDMADE("\x30\x02\x05\x00"), false},
    {REVOKED, HANDMADE("\x30\x05\x30\x03\x02\x01\x05"), false}, /* no date */
    {REVOKED, HANDMADE("\x30\x13\x30\x11\x02\x00" DATE), false}, /* no number */
    {REVOKED, HANDMADE("\x30\x14\x30\x12\x04\x01\x05" DATE), false},
    {REVOKED, HANDMADE("\x30\x22\x30\x20\x02\x01\x05" DATE REASON), true},
    {REVOKED, HANDMADE("\x30\x24\x30\x22\x02\x01\x05" DATE REASON "\x05\x00"), false},
    {REVOKED, HANDMADE("\x30\x16\x30\x14\x02\x01\x05" DATE "\x30\x00"), false},
    {REVOKED, HANDMADE("\x30\x16\x30\x14\x02\x01\x05" DATE "\x05\x00"), false},
    {EXTENSIONS, HANDMADE(""), true},
    {EXTENSIONS, HANDMADE("\xa0\x00"), false},
    {EXTENSIONS, HANDMADE("\xa0\x02\x30\x00"), false},
    {EXTENSIONS, HANDMADE("\xa0\x04\x30\x02\x05\x00"), false},
    {EXTENSIONS, HANDMADE("\xa0\x0e\x31\x0c" NUMBER), false},
    {EXTENSIONS, HANDMADE("\xa1\x0e\x30\x0c" NUMBER), false},
    {EXTENSIONS, HANDMADE("\xa0\x10\x30\x0c" NUMBER "\x05\x00"), false},
    {EXTENSIONS, HANDMADE("\xa0\x0e\x30\x0c" NUMBER "\x05\x00"), false},
    {EXTENSIONS, HANDMADE("\xa0\x1a\x30\x18" NUMBER NUMBER), false},
};
// clang-format on

static void each_part_is_read_strictly(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes parts[PARTS];
        struct crl crl;

        memcpy(parts, sound, sizeof(parts));
        parts[rows[i].part] = rows[i].bytes;
        if (reads(parts, &crl) != rows[i].readable) {
            fail_msg("row %zu", i);
        }
    }
}

static void put(struct buf *out, const void *data, size_t len)
{
    assert_true(buf_append(out, data, len));
}

static void a_number_is_positive_and_at_most_20_octets_long(void **state)
{
#define TEN "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
    static const struct {
        struct bytes value;
        size_t len; /* 0: the list is malformed */
    } numbers[] = {
        {HANDMADE("\x02\x01\x00"), 1},
        {HANDMADE("\x02\x02\x00\x80"), 1},
        {HANDMADE("\x02\x14" TEN TEN), 20},
        {HANDMADE("\x02\x15\x00\x80"
                  "\x11\x11\x11\x11\x11\x11\x11\x11\x11" TEN),
         20},
        {HANDMADE("\x02\x15\x11" TEN TEN), 0},
        {HANDMADE("\x02\x02\x00\x07"), 0},
        {HANDMADE("\x02\x01\x80"), 0},
        {HANDMADE("\x02\x00"), 0},
        {HANDMADE("\x02\x01\x07\x00"), 0},
        {HANDMADE("\x04\x01\x07"), 0},
        {HANDMADE(""), 0},
    };
#undef TEN

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        static const uint8_t oid[] = {0x06, 0x03, 0x55, 0x1d, 0x14};
        uint8_t storage[64];
        struct buf out = buf_over(storage, sizeof(storage));
        struct bytes parts[PARTS];
        size_t len = numbers[i].value.len;
        struct crl crl;

        handmade_head(&out, 0xa0, len + 11);
        handmade_head(&out, 0x30, len + 9);
        handmade_head(&out, 0x30, len + 7);
        put(&out, oid, sizeof(oid));
        handmade_head(&out, 0x04, len);
        put(&out, numbers[i].value.data, len);
        memcpy(parts, sound, sizeof(parts));
        parts[EXTENSIONS] = (struct bytes){out.data, out.len};
        if (reads(parts, &crl) != (numbers[i].len > 0)) {
            fail_msg("number %zu", i);
        }
        if (numbers[i].len > 0) {
            assert_int_equal(crl.number.len, numbers[i].len);
        }
    }
}

static void a_list_has_a_greatest_length(void **state)
{
    static uint8_t issuer[CRL_DER_MAX];
    static uint8_t storage[HANDMADE_LEN_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    struct bytes parts[PARTS];
    size_t others = 0;

    memcpy(parts, sound, sizeof(parts));
    parts[ISSUER] = (struct bytes){issuer, 0x1000};
    memset(issuer, 0, sizeof(issuer));
    memcpy(issuer, "\x30\x82\x0f\xfc", 4);
    others = handmade_signed(parts, PARTS, signature, &out).len - 0x1000;
    for (size_t over = 0; over < 2; over++) {
        size_t len = CRL_DER_MAX - others + over;
        struct crl crl;

        issuer[2] = (uint8_t)((len - 4) >> 8);
        issuer[3] = (uint8_t)(len - 4);
        parts[ISSUER].len = len;
        assert_int_equal(handmade_signed(parts, PARTS, signature, &out).len, CRL_DER_MAX + over);
        assert_int_equal(reads(parts, &crl), over == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_list_is_read),
        cmocka_unit_test(each_part_is_read_strictly),
        cmocka_unit_test(a_number_is_positive_and_at_most_20_octets_long),
        cmocka_unit_test(a_list_has_a_greatest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
