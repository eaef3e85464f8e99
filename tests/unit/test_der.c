/*
 * DER: strict DER is taken item by item; BER and lengths that lie are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/der.h"

#define OVER(text) der_over((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void an_item_has_its_tag_content_and_whole_encoding(void **state)
{
    struct der der = OVER("\x30\x05\x02\x01\x07\x05\x00\x04\x00");
    struct der inner;
    struct der_item item;

    assert_true(der_take(&der, DER_SEQUENCE, &item));
    assert_int_equal(item.tag, 0x30);
    assert_int_equal(item.content.len, 5);
    assert_int_equal(item.whole.len, 7);
    assert_ptr_equal(item.content.data, item.whole.data + 2);

    inner = der_over(item.content);
    assert_true(der_at(&inner, DER_INTEGER));
    assert_true(der_take(&inner, DER_INTEGER, &item));
    assert_int_equal(item.content.data[0], 7);
    assert_true(der_take(&inner, DER_NULL, &item));
    assert_int_equal(item.content.len, 0);
    assert_true(der_end(&inner));

    assert_false(der_end(&der));
    assert_true(der_any(&der, &item));
    assert_int_equal(item.tag, DER_OCTET_STRING);
    assert_true(der_end(&der));
    assert_false(der_any(&der, &item));
    assert_false(der_at(&der, DER_NULL));
}

static void another_tag_is_left_where_it_is(void **state)
{
    struct der der = OVER("\x02\x01\x07");
    struct der_item item = {.tag = 0x77};

    assert_false(der_take(&der, DER_SEQUENCE, &item));
    assert_int_equal(item.tag, 0x77);
    assert_int_equal(der.len, 3);
    assert_true(der_take(&der, DER_INTEGER, &item));
}

static void long_lengths_are_taken_where_short_ones_cannot_serve(void **state)
{
    static const struct {
        const char *head;
        size_t head_len;
        size_t content_len;
    } rows[] = {
        {"\x04\x7f", 2, 127},         {"\x04\x81\x80", 3, 128},           {"\x04\x81\xff", 3, 255},
        {"\x04\x82\x01\x00", 4, 256}, {"\x04\x83\x01\x00\x00", 5, 65536},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = rows[i].head_len + rows[i].content_len;
        uint8_t *data = calloc(1, len);
        struct der der = der_over((struct bytes){data, len});
        struct der_item item = {0};

        assert_non_null(data);
        memcpy(data, rows[i].head, rows[i].head_len);
        assert_true(der_any(&der, &item));
        assert_int_equal(item.content.len, rows[i].content_len);
        assert_int_equal(item.whole.len, len);

        der = der_over((struct bytes){data, len - 1});
        item.tag = 0x77;
        assert_false(der_any(&der, &item));
        assert_int_equal(item.tag, 0x77);
        free(data);
    }
}

static void a_length_has_no_octet_that_it_does_not_need(void **state)
{
    static const char *const heads[] = {"\x04\x81\x7f", "\x04\x82\x00\x80", "\x04\x83\x00\x01\x00"};
    static const size_t lens[] = {127, 128, 256};

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        uint8_t data[5 + 256] = {0};
        struct der der = der_over((struct bytes){data, 3 + i + lens[i]});
        struct der_item item;

        memcpy(data, heads[i], 3 + i);
        assert_false(der_any(&der, &item)); /* though the content is there */
    }
}

static void what_is_not_der_is_refused(void **state)
{
    static const struct {
        const char *why;
        const char *data;
        size_t len;
    } rows[] = {
        {"nothing", "", 0},
        {"a tag alone", "\x04", 1},
        {"content cut", "\x04\x02\x00", 3},
        {"length octets cut", "\x04\x82", 2},
        {"second length octet cut", "\x04\x82\x01", 3},
        {"indefinite length", "\x30\x80\x00\x00", 4},
        {"long form for a short length", "\x04\x81\x01\x00", 4},
        {"long form for 127", "\x04\x81\x7f", 3},
        {"leading zero length octet", "\x04\x82\x00\x80", 4},
        {"length of 2^32 - 1", "\x04\x84\xff\xff\xff\xff", 6},
        {"length in five octets", "\x04\x85\x01\x00\x00\x00\x00", 7},
        {"reserved length octet", "\x04\xff", 2},
        {"tag in several bytes", "\x1f\x81\x00\x00", 4},
        {"constructed tag in several bytes", "\xbf\x01\x00", 3},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* A copy of its own size, so that a read behind it is seen by the sanitizer. */
        uint8_t *data = malloc(rows[i].len > 0 ? rows[i].len : 1);
        struct der_item item = {.tag = 0x77};
        struct der der;

        assert_non_null(data);
        memcpy(data, rows[i].data, rows[i].len);
        der = der_over((struct bytes){data, rows[i].len});
        if (der_any(&der, &item) || item.tag != 0x77 || der.len != rows[i].len) {
            fail_msg("%s: taken", rows[i].why);
        }
        free(data);
    }
}

static void an_oid_is_compared_whole(void **state)
{
    static const uint8_t cn[] = {0x55, 0x04, 0x03};
    struct der der = OVER("\x06\x03\x55\x04\x03\x06\x02\x55\x04\x04\x03\x55\x04\x03");
    struct der_item item;

    assert_true(der_any(&der, &item));
    assert_true(der_is_oid(&item, cn, sizeof(cn)));
    assert_false(der_is_oid(&item, cn, sizeof(cn) - 1));
    assert_true(der_any(&der, &item));
    assert_false(der_is_oid(&item, cn, sizeof(cn)));
    assert_true(der_any(&der, &item));
    assert_int_equal(item.tag, DER_OCTET_STRING);
    assert_false(der_is_oid(&item, cn, sizeof(cn)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_has_its_tag_content_and_whole_encoding),
        cmocka_unit_test(another_tag_is_left_where_it_is),
        cmocka_unit_test(long_lengths_are_taken_where_short_ones_cannot_serve),
        cmocka_unit_test(a_length_has_no_octet_that_it_does_not_need),
        cmocka_unit_test(what_is_not_der_is_refused),
        cmocka_unit_test(an_oid_is_compared_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
