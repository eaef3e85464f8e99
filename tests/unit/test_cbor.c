/*
 * Cbor: what is not strict is refused, and what is written is the shortest form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/cbor.h"

#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static void strict_items_are_taken_with_their_value(void **state)
{
    static const struct {
        struct bytes input;
        enum cbor_kind kind;
        uint64_t num;
    } rows[] = {
        {{(const uint8_t *)"\x00", 1}, CBOR_UINT, 0},
        {{(const uint8_t *)"\x17", 1}, CBOR_UINT, 23},
        {{(const uint8_t *)"\x18\x18", 2}, CBOR_UINT, 24},
        {{(const uint8_t *)"\x19\x01\x00", 3}, CBOR_UINT, 256},
        {{(const uint8_t *)"\x1a\x00\x01\x00\x00", 5}, CBOR_UINT, 65536},
        {{(const uint8_t *)"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 9}, CBOR_UINT, UINT64_MAX},
        {{(const uint8_t *)"\x20", 1}, CBOR_NINT, 0},
        {{(const uint8_t *)"\x38\x63", 2}, CBOR_NINT, 99},
        {{(const uint8_t *)"\x42\x01\x02", 3}, CBOR_BYTES, 2},
        {{(const uint8_t *)"\x40", 1}, CBOR_BYTES, 0},
        {{(const uint8_t *)"\x61\x61", 2}, CBOR_TEXT, 1},
        {{(const uint8_t *)"\x83", 1}, CBOR_ARRAY, 3},
        {{(const uint8_t *)"\xa2", 1}, CBOR_MAP, 2},
        {{(const uint8_t *)"\xd9\x02\x59", 3}, CBOR_TAG, 601},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cbor_reader reader = cbor_over(rows[i].input);
        struct cbor_item item;

        assert_true(cbor_next(&reader, &item));
        assert_int_equal(item.kind, rows[i].kind);
        assert_true(item.num == rows[i].num);
        assert_true(cbor_end(&reader));
    }
}

static void anything_else_is_refused_without_moving(void **state)
{
    static const struct {
        const char *what;
        struct bytes input;
    } rows[] = {
        {"the end", {(const uint8_t *)"", 0}},
        {"number in a longer head", {(const uint8_t *)"\x18\x17", 2}},
        {"number in 16 bits that fits 8", {(const uint8_t *)"\x19\x00\xff", 3}},
        {"number in 64 bits that fits 32", {(const uint8_t *)"\x1b\0\0\0\0\xff\xff\xff\xff", 9}},
        {"string with a longer head", {(const uint8_t *)"\x58\x01\x61", 3}},
        {"array with a longer head", {(const uint8_t *)"\x98\x03", 2}},
        {"tag with a longer head", {(const uint8_t *)"\xd8\x05", 2}},
        {"indefinite byte string", {(const uint8_t *)"\x5f\x41\x61\xff", 4}},
        {"indefinite text", {(const uint8_t *)"\x7f\x61\x61\xff", 4}},
        {"indefinite array", {(const uint8_t *)"\x9f\xff", 2}},
        {"indefinite map", {(const uint8_t *)"\xbf\xff", 2}},
        {"break", {(const uint8_t *)"\xff", 1}},
        {"null", {(const uint8_t *)"\xf6", 1}},
        {"undefined", {(const uint8_t *)"\xf7", 1}},
        {"true", {(const uint8_t *)"\xf5", 1}},
        {"half float", {(const uint8_t *)"\xf9\x3c\x00", 3}},
        {"double", {(const uint8_t *)"\xfb\0\0\0\0\0\0\0\0", 9}},
        {"reserved head", {(const uint8_t *)"\x1c", 1}},
        {"head cut short", {(const uint8_t *)"\x19\x01", 2}},
        {"string cut short", {(const uint8_t *)"\x43\x01\x02", 3}},
        {"string of 4 GiB", {(const uint8_t *)"\x5a\xff\xff\xff\xff\x00", 6}},
        {"string of 2^64 - 1", {(const uint8_t *)"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", 9}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cbor_reader reader = cbor_over(rows[i].input);
        struct cbor_item item = {.num = 4711};

        if (cbor_next(&reader, &item)) {
            fail_msg("taken: %s", rows[i].what);
        }
        assert_true(item.num == 4711);
        assert_ptr_equal(reader.data, rows[i].input.data);
    }
}

static void another_kind_is_refused_without_moving(void **state)
{
    struct cbor_reader reader = cbor_over(BYTES("\x01"));
    struct cbor_item item;

    assert_false(cbor_take(&reader, CBOR_TEXT, &item));
    assert_true(cbor_take(&reader, CBOR_UINT, &item));
}

static void nested_items_are_skipped_up_to_the_depth(void **state)
{
    static const struct {
        struct bytes input;
        unsigned depth_max;
        bool skipped;
    } rows[] = {
        {{(const uint8_t *)"\x01", 1}, 1, true},
        {{(const uint8_t *)"\x80", 1}, 1, true},
        {{(const uint8_t *)"\x82\x01\x81\x02", 4}, 3, true},
        {{(const uint8_t *)"\x82\x01\x81\x02", 4}, 2, false},
        {{(const uint8_t *)"\xa1\x61\x61\xd9\x02\x59\xa0", 7}, 3, true},
        {{(const uint8_t *)"\xa1\x61\x61", 3}, 3, false},
        {{(const uint8_t *)"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9}, 3, false},
        {{(const uint8_t *)"\xbb\x80\x00\x00\x00\x00\x00\x00\x01\x01\x01", 11}, 3, false},
        {{(const uint8_t *)"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x01", 16},
         16,
         true},
        {{(const uint8_t *)"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x01",
          17},
         16,
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cbor_reader reader = cbor_over(rows[i].input);
        bool skipped = cbor_skip(&reader, rows[i].depth_max);

        assert_int_equal(skipped, rows[i].skipped);
        assert_true(!skipped || cbor_end(&reader));
    }
}

static void heads_are_written_in_their_shortest_form(void **state)
{
    uint8_t storage[64];
    struct buf out = buf_over(storage, sizeof(storage));

    assert_true(cbor_put_tag(&out, 601));
    assert_true(cbor_put_map(&out, 1));
    assert_true(cbor_put_uint(&out, 23));
    assert_true(cbor_put_array(&out, 4));
    assert_true(cbor_put_int(&out, 24));
    assert_true(cbor_put_int(&out, -1));
    assert_true(cbor_put_text(&out, "ab"));
    assert_true(cbor_put_bytes(&out, BYTES("\xff")));
    assert_int_equal(out.len, 14);
    assert_memory_equal(out.data, "\xd9\x02\x59\xa1\x17\x84\x18\x18\x20\x62\x61\x62\x41\xff", 14);
}

static void what_does_not_fit_is_not_begun(void **state)
{
    uint8_t storage[4];
    struct buf out = buf_over(storage, sizeof(storage));

    assert_false(cbor_put_bytes(&out, BYTES("1234")));
    assert_false(cbor_put_uint(&out, UINT32_MAX));
    assert_int_equal(out.len, 0);
    assert_true(cbor_put_text(&out, "123"));
    assert_false(cbor_put_map(&out, 0));
    assert_int_equal(out.len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_items_are_taken_with_their_value),
        cmocka_unit_test(anything_else_is_refused_without_moving),
        cmocka_unit_test(another_kind_is_refused_without_moving),
        cmocka_unit_test(nested_items_are_skipped_up_to_the_depth),
        cmocka_unit_test(heads_are_written_in_their_shortest_form),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
