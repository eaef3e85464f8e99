/*
 * Vek: AMD's extensions by their whole OIDs, and their two kinds of value.
 */
#include "attest/vek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static void numbers_are_of_one_octet_in_der(void **state)
{
    static const struct {
        struct bytes value;
        int number; /* -1: refused */
    } rows[] = {
        {BYTES("\x02\x01\x00"), 0},
        {BYTES("\x02\x01\x7f"), 127},
        {BYTES("\x02\x02\x00\x80"), 128},
        {BYTES("\x02\x02\x00\xff"), 255},
        {BYTES("\x02\x01\x80"), -1}, /* negative */
        {BYTES("\x02\x02\x00\x7f"), -1},
        {BYTES("\x02\x02\x01\x00"), -1},
        {BYTES("\x02\x03\x00\x00\x80"), -1},
        {BYTES("\x02\x00"), -1},
        {BYTES("\x02\x01"), -1},
        {BYTES("\x02\x01\x00\x00"), -1},
        {BYTES("\x04\x01\x00"), -1},
        {BYTES(""), -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t number = 0xee;
        bool taken = vek_uint8(rows[i].value, &number);

        if (taken != (rows[i].number >= 0)) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(number, taken ? rows[i].number : 0xee);
    }
}

static void texts_are_ia5_strings_in_der(void **state)
{
    static const struct {
        struct bytes value;
        const char *text; /* NULL: refused */
    } rows[] = {
        {BYTES("\x16\x05Milan"), "Milan"}, {BYTES("\x16\x00"), ""},
        {BYTES("\x0c\x05Milan"), NULL},    {BYTES("\x16\x05Mila"), NULL},
        {BYTES("\x16\x05Milan2"), NULL},   {BYTES(""), NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes text = {0};

        if (vek_text(rows[i].value, &text) != (rows[i].text != NULL)) {
            fail_msg("row %zu", i);
        }
        if (rows[i].text != NULL) {
            assert_int_equal(text.len, strlen(rows[i].text));
            assert_memory_equal(text.data, rows[i].text, text.len);
        }
    }
}

#define AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01"
#define VALUE "\x04\x01\x55"

/* One extension for each OID: which field its value is for. */
static void only_the_whole_oid_counts(void **state)
{
    enum field { NONE, STRUCT_VERSION, PRODUCT_NAME, SPL_1, SPL_9, UNKNOWN_SPL, HWID, CSP };
    static const struct {
        struct bytes extensions;
        bool amd;
        enum field field;
    } rows[] = {
        {BYTES("\x30\x0e\x06\x09" AMD "\x01" VALUE), true, STRUCT_VERSION},
        {BYTES("\x30\x0e\x06\x09" AMD "\x02" VALUE), true, PRODUCT_NAME},
        {BYTES("\x30\x0f\x06\x0a" AMD "\x03\x01" VALUE), true, SPL_1},
        {BYTES("\x30\x0f\x06\x0a" AMD "\x03\x09" VALUE), true, SPL_9},
        {BYTES("\x30\x0f\x06\x0a" AMD "\x03\x0a" VALUE), true, UNKNOWN_SPL},
        {BYTES("\x30\x0f\x06\x0a" AMD "\x03\x00" VALUE), true, UNKNOWN_SPL},
        {BYTES("\x30\x10\x06\x0b" AMD "\x03\x01\x01" VALUE), true, UNKNOWN_SPL},
        {BYTES("\x30\x0e\x06\x09" AMD "\x03" VALUE), true, UNKNOWN_SPL},
        {BYTES("\x30\x0e\x06\x09" AMD "\x04" VALUE), true, HWID},
        {BYTES("\x30\x0e\x06\x09" AMD "\x05" VALUE), true, CSP},
        {BYTES("\x30\x0f\x06\x0a" AMD "\x04\x01" VALUE), true, NONE},
        {BYTES("\x30\x0e\x06\x09" AMD "\x06" VALUE), true, NONE},
        {BYTES("\x30\x0d\x06\x08" AMD VALUE), false, NONE},
        {BYTES("\x30\x0e\x06\x09\x2b\x06\x01\x04\x01\x9c\x78\x02\x04" VALUE), false, NONE},
        {BYTES(""), false, NONE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct cert cert = {.extensions = rows[i].extensions};
        const struct vek vek = vek_read(&cert);
        const bool found[] = {
            [STRUCT_VERSION] = vek.struct_version.data != NULL,
            [PRODUCT_NAME] = vek.product_name.data != NULL,
            [SPL_1] = vek.spl[1].data != NULL,
            [SPL_9] = vek.spl[9].data != NULL,
            [UNKNOWN_SPL] = vek.spl_unknown,
            [HWID] = vek.hwid.data != NULL,
            [CSP] = vek.csp.data != NULL,
        };

        assert_int_equal(vek_looks_like(&cert), rows[i].amd);
        for (size_t field = STRUCT_VERSION; field <= CSP; field++) {
            if (found[field] != (field == rows[i].field)) {
                fail_msg("row %zu, field %zu", i, field);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_of_one_octet_in_der),
        cmocka_unit_test(texts_are_ia5_strings_in_der),
        cmocka_unit_test(only_the_whole_oid_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
