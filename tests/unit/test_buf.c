/*
 * Buf: what does not fit is refused whole, and what is there stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/buf.h"

static void bytes_are_appended_until_the_room_is_used_up(void **state)
{
    uint8_t storage[4];
    struct buf buf = buf_over(storage, sizeof(storage));

    assert_int_equal(buf_room(&buf), 4);
    assert_true(buf_append(&buf, "abc", 3));
    assert_int_equal(buf_room(&buf), 1);
    assert_false(buf_append(&buf, "de", 2));
    assert_int_equal(buf.len, 3);
    assert_true(buf_append(&buf, "d", 1));
    assert_memory_equal(storage, "abcd", 4);
    assert_true(buf_append(&buf, "", 0));
    assert_false(buf_append(&buf, "e", 1));
    assert_int_equal(buf.len, 4);
}

static void nothing_can_be_appended_from_nowhere(void **state)
{
    struct buf buf = buf_over(NULL, 0);

    assert_true(buf_append(&buf, NULL, 0));
    assert_false(buf_append(&buf, "a", 1));
    assert_false(buf_append(&buf, "a", SIZE_MAX));
    assert_int_equal(buf.len, 0);
}

static void text_needs_one_byte_more_than_it_takes(void **state)
{
    static const struct {
        size_t cap;
        bool fits;
    } rows[] = {{0, false}, {1, false}, {4, false}, {5, false}, {6, true}, {7, true}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char storage[] = "zzzzzzzz";
        struct buf buf = buf_over(storage, rows[i].cap);

        assert_int_equal(buf_printf(&buf, "%s-%d", "abc", 1), rows[i].fits);
        assert_int_equal(buf.len, rows[i].fits ? 5 : 0);
        assert_int_equal(storage[rows[i].cap], 'z');
        if (rows[i].fits) {
            assert_memory_equal(storage, "abc-1", 5);
        }
    }
}

static void text_follows_what_is_there(void **state)
{
    char storage[16];
    struct buf buf = buf_over(storage, sizeof(storage));

    assert_true(buf_printf(&buf, "%d", 12));
    assert_true(buf_append(&buf, "ab", 2));
    assert_true(buf_printf(&buf, "%d", 34));
    assert_int_equal(buf.len, 6);
    assert_memory_equal(storage, "12ab34", 6);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    char storage[8];
    struct buf buf = buf_over(storage, sizeof(storage));

    assert_true(buf_append(&buf, "abcdef", 6));
    buf_consume(&buf, 0);
    assert_int_equal(buf.len, 6);
    buf_consume(&buf, 2);
    assert_int_equal(buf.len, 4);
    assert_memory_equal(storage, "cdef", 4);
    buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf_room(&buf), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_until_the_room_is_used_up),
        cmocka_unit_test(nothing_can_be_appended_from_nowhere),
        cmocka_unit_test(text_needs_one_byte_more_than_it_takes),
        cmocka_unit_test(text_follows_what_is_there),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
