/*
 * Err: messages name the outer step first, and are cut rather than overrun.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "common/err.h"

static void a_message_has_code_and_text(void **state)
{
    struct err err;

    assert_int_equal(err_set(&err, ERR_INVALID, "[%s] %s: set twice", "ca", "ttl"), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.msg, "[ca] ttl: set twice");
}

static void an_errno_is_named_at_the_end(void **state)
{
    struct err err;

    assert_int_equal(err_set_errno(&err, ERR_IO, ENOENT, "open %s", "x.pem"), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "open x.pem: No such file or directory");
}

static void the_oldest_openssl_reason_is_named_and_the_queue_emptied(void **state)
{
    struct err err;

    ERR_clear_error();
    ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
    ERR_raise(ERR_LIB_EVP, EVP_R_UNSUPPORTED_CIPHER);
    assert_int_equal(err_set_openssl(&err, ERR_INVALID, "read %s", "key"), -1);
    assert_string_equal(err.msg, "read key: bad decrypt");
    assert_int_equal(ERR_peek_error(), 0);

    assert_int_equal(err_set_openssl(&err, ERR_LIMIT, "make a key"), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.msg, "make a key");
}

static void wrapping_puts_the_outer_step_in_front_and_keeps_the_code(void **state)
{
    struct err err;

    assert_int_equal(err_set(&err, ERR_DENIED, "wrong key"), -1);
    assert_int_equal(err_wrap(&err, "load %s", "a.pem"), -1);
    assert_int_equal(err_wrap(&err, "start"), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_string_equal(err.msg, "start: load a.pem: wrong key");
}

static void long_messages_are_cut(void **state)
{
    char text[2 * ERR_MSG_CAP];
    struct err err;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(err_set(&err, ERR_IO, "%s", text), -1);
    assert_int_equal(strlen(err.msg), ERR_MSG_CAP - 1);
    assert_int_equal(err_set_errno(&err, ERR_IO, ENOENT, "%s", text), -1);
    assert_int_equal(strlen(err.msg), ERR_MSG_CAP - 1);
    assert_int_equal(err_wrap(&err, "outer"), -1);
    assert_int_equal(strlen(err.msg), ERR_MSG_CAP - 1);
    assert_memory_equal(err.msg, "outer: xxx", 10);
    assert_int_equal(err_wrap(&err, "%s", text), -1);
    assert_int_equal(strlen(err.msg), ERR_MSG_CAP - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_code_and_text),
        cmocka_unit_test(an_errno_is_named_at_the_end),
        cmocka_unit_test(the_oldest_openssl_reason_is_named_and_the_queue_emptied),
        cmocka_unit_test(wrapping_puts_the_outer_step_in_front_and_keeps_the_code),
        cmocka_unit_test(long_messages_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
