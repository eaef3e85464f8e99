/*
 * Est: base64 as libest and strongSwan write it, and nothing looser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/est.h"

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void base64_is_written_in_one_line_or_wrapped(void **state)
{
    static const struct {
        const char *plain;
        unsigned columns;
        const char *encoded;
    } rows[] = {
        /* RFC 4648 section 10 */
        {"", 0, ""},
        {"f", 0, "Zg=="},
        {"fo", 0, "Zm8="},
        {"foo", 0, "Zm9v"},
        {"foob", 0, "Zm9vYg=="},
        {"fooba", 0, "Zm9vYmE="},
        {"foobar", 0, "Zm9vYmFy"},
        {"", 4, ""},
        {"foobar", 4, "Zm9v\nYmFy\n"},
        {"foob", 6, "Zm9vYg\n==\n"},
        {"\xff\xef\xbe", 0, "/+++"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char storage[32];
        struct buf out = buf_over(storage, sizeof(storage));

        assert_true(est_base64_put(&out, text_bytes(rows[i].plain), rows[i].columns));
        assert_int_equal(out.len, strlen(rows[i].encoded));
        assert_memory_equal(out.data, rows[i].encoded, out.len);
        out = buf_over(storage, strlen(rows[i].encoded));
        assert_true(est_base64_put(&out, text_bytes(rows[i].plain), rows[i].columns));
        if (rows[i].encoded[0] != '\0') {
            out = buf_over(storage, strlen(rows[i].encoded) - 1);
            assert_false(est_base64_put(&out, text_bytes(rows[i].plain), rows[i].columns));
            assert_int_equal(out.len, 0);
        }
    }
}

static void base64_is_read_wrapped_unwrapped_and_unpadded(void **state)
{
    static const char *const rows[] = {
        "Zm9vYg==", "Zm9vYg", "Zm9v\nYg==\n", "Zm9v\r\nYg==\r\n", " Zm\t9vYg =\n= ", "Zm9vYg\n",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char storage[4];
        struct buf out = buf_over(storage, sizeof(storage));

        assert_true(est_base64_get(&out, text_bytes(rows[i])));
        assert_int_equal(out.len, 4);
        assert_memory_equal(out.data, "foob", 4);
    }
}

static void bad_base64_is_refused_and_leaves_nothing(void **state)
{
    static const char *const rows[] = {
        "Zm9vYg=",     /* too little padding */
        "Zm9vYg===",   /* too much */
        "Zm9v==",      /* padding where none is due */
        "====",        /* padding alone */
        "Zm9vYg==Zg",  /* text behind the padding */
        "Zm9vYh==",    /* bits left over */
        "Zm9vY",       /* a lone character */
        "Zm9vA",       /* one without a bit in it */
        "Zm9v-_8=",    /* the other alphabet */
        "Zm9v.Yg==",   /* any other byte */
        "Zm9v\x80g==", /* not ASCII */
        "Zm9vYmFyZm9v" /* does not fit */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char storage[8];
        struct buf out = buf_over(storage, sizeof(storage));

        if (est_base64_get(&out, text_bytes(rows[i]))) {
            fail_msg("taken: %s", rows[i]);
        }
        assert_int_equal(out.len, 0);
    }
}

static void base64url_has_no_padding_and_no_white_space(void **state)
{
    static const char *const bad[] = {"Zg==", "Zg ", "Zg\n", "Zh", "Z", "A", "a+bc", "a/bc"};
    char storage[16];
    struct buf out = buf_over(storage, sizeof(storage));

    assert_true(est_base64url_put(&out, text_bytes("\xff\xef\xbe\xff")));
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "_---_w", 6);
    out = buf_over(storage, sizeof(storage));
    assert_true(est_base64url_get(&out, text_bytes("_---_w")));
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "\xff\xef\xbe\xff", 4);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        out = buf_over(storage, sizeof(storage));
        if (est_base64url_get(&out, text_bytes(bad[i]))) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_int_equal(out.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_written_in_one_line_or_wrapped),
        cmocka_unit_test(base64_is_read_wrapped_unwrapped_and_unpadded),
        cmocka_unit_test(bad_base64_is_refused_and_leaves_nothing),
        cmocka_unit_test(base64url_has_no_padding_and_no_white_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
