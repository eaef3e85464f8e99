/*
 * Pem: what counts as one certificate in PEM, and what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/pem.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END "-----END CERTIFICATE-----"

static struct bytes view(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void one_block_is_decoded_whatever_its_line_ends(void **state)
{
    static const struct {
        const char *text;
        const char *bytes;
    } rows[] = {
        {BEGIN "\nAAEC\n" END "\n", "\x00\x01\x02"},
        {BEGIN "\nAAEC\n" END, "\x00\x01\x02"},
        {" \r\n\t" BEGIN "\r\nAA\r\nEC\r\n" END "\r\n \n", "\x00\x01\x02"},
        {BEGIN "\n+/+/\n" END "\n", "\xfb\xff\xbf"},
        {BEGIN "\nYWJjZA==\n" END "\n", "abcd"},
        {BEGIN "\nYWJjZGU=\n" END "\n", "abcde"},
        {BEGIN "\n" END "\n", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t storage[16];
        struct buf out = buf_over(storage, sizeof(storage));

        assert_true(pem_looks_like(view(rows[i].text)));
        assert_int_equal(pem_decode(view(rows[i].text), sizeof(storage), &out), PEM_OK);
        assert_true(out.len >= strlen(rows[i].bytes));
        assert_memory_equal(out.data, rows[i].bytes, strlen(rows[i].bytes));
    }
}

static void anything_else_is_malformed(void **state)
{
    static const char *const rows[] = {
        "",
        "AAEC",
        "x" BEGIN "\nAAEC\n" END "\n",
        BEGIN "\nAAEC\n",
        BEGIN "\nAAEC\n" END "\nx",
        BEGIN "\nAAEC\n" END "\n" BEGIN "\nAAEC\n" END "\n",
        BEGIN "\nAA?C\n" END "\n",
        BEGIN "\nAAE\n" END "\n",       /* padding left out */
        BEGIN "\nYWJjZA=\n" END "\n",   /* too little padding */
        BEGIN "\nYWJjZA===\n" END "\n", /* too much */
        BEGIN "\nYWJjZB==\n" END "\n",  /* bits left over */
        BEGIN "\nAAECA\n" END "\n",     /* one digit is no byte */
        BEGIN "\nHeader: x\n\nAAEC\n" END "\n",
        "-----BEGIN X509 CRL-----\nAAEC\n-----END X509 CRL-----\n",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t storage[16];
        struct buf out = buf_over(storage, sizeof(storage));

        if (pem_decode(view(rows[i]), sizeof(storage), &out) != PEM_MALFORMED) {
            fail_msg("%s", rows[i]);
        }
        assert_int_equal(out.len, 0);
    }
}

static void more_than_the_limit_or_the_room_is_too_long(void **state)
{
    uint8_t storage[16];
    struct buf out = buf_over(storage, sizeof(storage));
    struct buf full = buf_over(storage, 2);

    assert_int_equal(pem_decode(view(BEGIN "\nAAEC\n" END), 2, &out), PEM_TOO_LONG);
    assert_int_equal(out.len, 0);
    assert_int_equal(pem_decode(view(BEGIN "\nAAEC\n" END), 3, &full), PEM_TOO_LONG);
    assert_int_equal(full.len, 0);
    assert_int_equal(pem_decode(view(BEGIN "\nAAEC\n" END), 3, &out), PEM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_block_is_decoded_whatever_its_line_ends),
        cmocka_unit_test(anything_else_is_malformed),
        cmocka_unit_test(more_than_the_limit_or_the_room_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
