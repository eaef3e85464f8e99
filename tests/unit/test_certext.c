/*
 * Certext: extensions of a certificate put together by hand, one form of each value after another.
 */
#include "attest/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* A certificate with one extension 2.5.29.`last`, not critical; it lies in `storage`. */
static struct cert make(uint8_t last, struct bytes value, uint8_t storage[static 64])
{
    const uint8_t head[] = {0x30, (uint8_t)(value.len + 7), 0x06, 0x03, 0x55, 0x1d, last,
                            0x04, (uint8_t)value.len};

    assert_true(value.len + sizeof(head) <= 64);
    memcpy(storage, head, sizeof(head));
    if (value.len > 0) {
        memcpy(storage + sizeof(head), value.data, value.len);
    }
    return (struct cert){.extensions = {storage, value.len + sizeof(head)}};
}

static void an_extension_has_one_form(void **state)
{
    enum { REFUSED, PLAIN, CRITICAL };
    static const struct {
        struct bytes bytes;
        int as;
    } rows[] = {
        {BYTES("\x30\x06\x06\x01\x2a\x04\x01\x05"), PLAIN},
        {BYTES("\x30\x05\x06\x01\x2a\x04\x00"), PLAIN},
        {BYTES("\x30\x09\x06\x01\x2a\x01\x01\xff\x04\x01\x05"), CRITICAL},
        {BYTES("\x30\x09\x06\x01\x2a\x01\x01\x00\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x09\x06\x01\x2a\x01\x01\x01\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x0a\x06\x01\x2a\x01\x02\xff\xff\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x08\x06\x01\x2a\x01\x00\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x05\x06\x00\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x06\x0c\x01\x2a\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x06\x06\x01\x2a\x0c\x01\x05"), REFUSED},
        {BYTES("\x30\x08\x06\x01\x2a\x04\x01\x05\x05\x00"), REFUSED},
        {BYTES("\x30\x03\x06\x01\x2a"), REFUSED},
        {BYTES("\x31\x06\x06\x01\x2a\x04\x01\x05"), REFUSED},
        {BYTES("\x30\x07\x06\x01\x2a\x04\x01\x05"), REFUSED},
        {BYTES(""), REFUSED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes rest = rows[i].bytes;
        struct cert_extension extension = {.critical = false};
        bool taken = cert_next_extension(&rest, &extension);

        if (taken != (rows[i].as != REFUSED) || extension.critical != (rows[i].as == CRITICAL)) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(rest.len, taken ? 0 : rows[i].bytes.len);
    }
}

static void constraints_have_one_form(void **state)
{
    static const struct {
        struct bytes value;
        bool valid;
        bool ca;
        int pathlen; /* -1: none */
    } rows[] = {
        {BYTES("\x30\x00"), true, false, -1},
        {BYTES("\x30\x03\x01\x01\xff"), true, true, -1},
        {BYTES("\x30\x06\x01\x01\xff\x02\x01\x00"), true, true, 0},
        {BYTES("\x30\x06\x01\x01\xff\x02\x01\x7f"), true, true, 127},
        {BYTES("\x30\x03\x02\x01\x01"), true, false, 1},
        {BYTES("\x30\x06\x01\x01\xff\x02\x01\x80"), false, false, -1},
        {BYTES("\x30\x07\x01\x01\xff\x02\x02\x00\x80"), false, false, -1},
        {BYTES("\x30\x05\x01\x01\xff\x02\x00"), false, false, -1},
        {BYTES("\x30\x03\x01\x01\x00"), false, false, -1},
        {BYTES("\x30\x04\x01\x02\xff\xff"), false, false, -1},
        {BYTES("\x30\x05\x01\x01\xff\x05\x00"), false, false, -1},
        {BYTES("\x30\x03\x01\x01\xff\x05\x00"), false, false, -1},
        {BYTES("\x31\x00"), false, false, -1},
        {BYTES(""), false, false, -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t storage[64];
        const struct cert cert = make(0x13, rows[i].value, storage);
        struct cert_constraints found = cert_constraints(&cert);

        if (!found.found || found.critical || found.valid != rows[i].valid ||
            found.ca != rows[i].ca || found.has_pathlen != (rows[i].pathlen >= 0) ||
            found.pathlen != (rows[i].pathlen >= 0 ? (uint64_t)rows[i].pathlen : 0)) {
            fail_msg("row %zu", i);
        }
    }
}

static void a_usage_has_one_form(void **state)
{
    static const struct {
        struct bytes value;
        int bits; /* -1: not valid */
    } rows[] = {
        {BYTES("\x03\x02\x02\x04"), 0x04},
        {BYTES("\x03\x02\x00\x04"), 0x04},
        {BYTES("\x03\x03\x07\x04\x80"), 0x04},
        {BYTES("\x03\x02\x07\x80"), 0x80},
        {BYTES("\x03\x01\x00"), -1},
        {BYTES("\x03\x00"), -1},
        {BYTES("\x03\x02\x08\x00"), -1},
        {BYTES("\x03\x02\x03\x04"), -1},
        {BYTES("\x04\x02\x02\x04"), -1},
        {BYTES("\x03\x02\x02\x04\x00"), -1},
        {BYTES(""), -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t storage[64];
        const struct cert cert = make(0x0f, rows[i].value, storage);
        struct cert_usage found = cert_usage(&cert);

        if (!found.found || found.critical || found.valid != (rows[i].bits >= 0) ||
            found.bits != (rows[i].bits >= 0 ? rows[i].bits : 0)) {
            fail_msg("row %zu", i);
        }
    }
}

static void key_identifiers_have_one_form(void **state)
{
    static const struct {
        uint8_t last;
        struct bytes value;
        bool found;
    } rows[] = {
        {0x0e, BYTES("\x04\x02\xab\xcd"), true},
        {0x0e, BYTES("\x04\x02\xab\xcd\x00"), false},
        {0x0e, BYTES("\x03\x02\xab\xcd"), false},
        {0x0e, BYTES(""), false},
        {0x23, BYTES("\x30\x04\x80\x02\xab\xcd"), true},
        {0x23, BYTES("\x30\x06\x80\x02\xab\xcd\x82\x00"), true}, /* and a serial number */
        {0x23, BYTES("\x30\x04\x81\x02\xab\xcd"), false},
        {0x23, BYTES("\x30\x04\x80\x02\xab\xcd\x00"), false},
        {0x23, BYTES("\x31\x04\x80\x02\xab\xcd"), false},
        {0x23, BYTES("\x30\x00"), false},
        {0x23, BYTES(""), false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t storage[64];
        const struct cert cert = make(rows[i].last, rows[i].value, storage);
        struct bytes subject = cert_subject_key_id(&cert);
        struct bytes authority = cert_authority_key_id(&cert);
        struct bytes id = rows[i].last == 0x0e ? subject : authority;

        if ((id.data != NULL) != rows[i].found ||
            (subject.data != NULL && authority.data != NULL)) {
            fail_msg("row %zu", i);
        }
        if (id.data != NULL) {
            assert_int_equal(id.len, 2);
            assert_memory_equal(id.data, "\xab\xcd", 2);
        }
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    static const struct cert bare;

    assert_false(cert_constraints(&bare).found);
    assert_false(cert_usage(&bare).found);
    assert_null(cert_subject_key_id(&bare).data);
    assert_null(cert_authority_key_id(&bare).data);
    assert_true(cert_extensions_unique(&bare));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_extension_has_one_form),
        cmocka_unit_test(constraints_have_one_form),
        cmocka_unit_test(a_usage_has_one_form),
        cmocka_unit_test(key_identifiers_have_one_form),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
