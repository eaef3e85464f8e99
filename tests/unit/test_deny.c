/*
 * Tests of deny: what a list is, whom it names, and which lines make it none.
 */
#include "proxy/deny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/svid.h"

#define ID "spiffe://prod.example/snp/checkout"
#define X16 "00112233445566778899aabbccddeeff"
#define SPKI X16 X16
#define MEASUREMENT X16 X16 X16

static struct deny *parse(const char *text, struct err *err)
{
    return deny_parse((struct bytes){(const uint8_t *)text, strlen(text)}, err);
}

static struct deny *good(const char *text)
{
    struct err err;
    struct deny *deny = parse(text, &err);

    if (deny == NULL) {
        fail_msg("%s: %s", text, err.msg);
    }
    return deny;
}

/* The bytes 00 11 22 ... ff, over and over. */
static void fill(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(i % 16 * 0x11);
    }
}

static struct svid peer_of(char *id)
{
    struct svid peer = {.spiffe = id, .serial = {0x41, 2, 3}, .serial_len = 3, .has_claims = true};

    fill(peer.spki_sha256, sizeof(peer.spki_sha256));
    fill(peer.claims.measurement, 48);
    peer.claims.measurement_len = 48;
    return peer;
}

static void each_kind_names_the_peer_by_its_own_fact(void **state)
{
    static const struct {
        const char *text;
        const char *kind; /* NULL: the peer is not named */
    } rows[] = {
        {"# nobody\n\n; nobody either\n \t\n", NULL},
        {"spiffe " ID "\n", "spiffe"},
        {"spiffe\t " ID "\t \n", "spiffe"},
        {"spiffe " ID "x\n", NULL},
        {"spiffe spiffe://prod.example/snp/checkou\n", NULL},
        {"spiffe spiffe://prod.example/snp/Checkout\n", NULL},
        {"serial 410203\n", "serial"},
        {"serial 00410203\n", "serial"},
        {"serial 0410\nserial 4102\nserial 41020300\n", NULL},
        {"spki " SPKI "\n", "spki"},
        {"spki 00112233445566778899AABBCCDDEEFF" X16 "\n", "spki"},
        {"spki 01112233445566778899aabbccddeeff" X16 "\n", NULL},
        {"measurement " MEASUREMENT "\n", "measurement"},
        {"measurement " X16 X16 "00112233445566778899aabbccddeefe\n", NULL},
        /* A value counts for its own kind alone. */
        {"serial " X16 "\n", NULL},
        {"serial 01\nspki " SPKI "\nspiffe spiffe://a/b\n", "spki"},
        {"serial 410203\nmeasurement " MEASUREMENT "\nserial 410203\n", "serial"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char id[] = ID;
        const struct svid peer = peer_of(id);
        struct deny *deny = good(rows[i].text);
        const char *kind = deny_find(deny, &peer);

        if ((kind == NULL) != (rows[i].kind == NULL) ||
            (kind != NULL && strcmp(kind, rows[i].kind) != 0)) {
            fail_msg("%s: %s", rows[i].text, kind != NULL ? kind : "nobody");
        }
        deny_unref(deny);
    }
}

static void claims_that_were_not_verified_name_nobody(void **state)
{
    char id[] = ID;
    struct svid peer = peer_of(id);
    struct deny *deny = good("measurement " MEASUREMENT "\n");

    peer.has_claims = false;
    assert_null(deny_find(deny, &peer));
    deny_unref(deny);
}

static void no_list_names_nobody(void **state)
{
    char id[] = ID;
    const struct svid peer = peer_of(id);

    assert_null(deny_find(NULL, &peer));
    assert_int_equal(deny_count(NULL), 0);
    deny_unref(NULL);
}

static void a_bad_line_makes_it_no_list(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "empty: a list of nobody has a comment"},
        {"serial 01", "the last line has no end"},
        {"serial 01\nspiffe " ID, "the last line has no end"},
        {"serial\n", "line 1: need KIND VALUE"},
        {"serial 01 02\n", "line 1: need KIND VALUE"},
        {"serial 01 # why\n", "line 1: need KIND VALUE"},
        {"serial = 01\n", "line 1: need KIND VALUE"},
        {"serial 01\r\n", "line 1: serial: need 1 to 20 bytes, two hex digits each"},
        {"serial 1\n", "line 1: serial: need 1 to 20 bytes, two hex digits each"},
        {"serial " X16 "0011223344\n", "line 1: serial: need 1 to 20 bytes, two hex digits each"},
        {"serial 0x10\n", "line 1: serial: not a hex digit"},
        {"serial 41:0\n", "line 1: serial: not a hex digit"},
        {"\n# x\nspki " X16 "\n", "line 3: spki: need 32 to 32 bytes, two hex digits each"},
        {"measurement " SPKI "\n", "line 1: measurement: need 48 to 48 bytes, two hex digits each"},
        {"spiffe prod.example/x\n", "line 1: spiffe: not a SPIFFE ID with a path"},
        {"spiffe spiffe://prod.example\n", "line 1: spiffe: not a SPIFFE ID with a path"},
        {"spiffe spiffe://prod.example/*\n", "line 1: spiffe: not a SPIFFE ID with a path"},
        {"SERIAL 01\n", "line 1: KIND is none of spiffe, serial, spki, measurement"},
        {"chip 01\n", "line 1: KIND is none of spiffe, serial, spki, measurement"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};

        assert_null(parse(rows[i].text, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, rows[i].why);
    }
}

static void a_nul_byte_is_no_end_of_a_value(void **state)
{
    static const uint8_t text[] = "spiffe spiffe://prod.example/a\0b\n";
    struct err err;

    assert_null(deny_parse((struct bytes){text, sizeof(text) - 1}, &err));
}

static void size_and_number_are_bounded(void **state)
{
    char *text = malloc(DENY_TEXT_MAX + 2);
    struct err err;
    struct deny *deny = NULL;

    assert_non_null(text);
    memset(text, '\n', DENY_TEXT_MAX + 1);
    text[DENY_TEXT_MAX + 1] = '\0';
    assert_null(parse(text, &err));
    assert_string_equal(err.msg, "longer than 4194304 bytes");
    for (size_t i = 0; i <= DENY_ENTRIES_MAX; i++) {
        (void)snprintf(text + i * 12, 13, "serial %04zx\n", i % 0x10000);
    }
    assert_null(parse(text, &err));
    assert_string_equal(err.msg, "line 65537: more than 65536 entries");
    text[(size_t)DENY_ENTRIES_MAX * 12] = '\0';
    deny = parse(text, &err);
    assert_int_equal(deny_count(deny), DENY_ENTRIES_MAX);
    for (unsigned i = 0; i < 0x10000; i += 0xff) { /* none is lost in the crowd */
        char id[] = ID;
        const struct svid peer = {.spiffe = id,
                                  .serial = {(uint8_t)(i > 0xff ? i >> 8 : i), (uint8_t)i},
                                  .serial_len = i > 0xff ? 2 : 1};

        assert_non_null(deny_find(deny, &peer));
    }
    deny_unref(deny);
    free(text);
}

static void a_list_is_known_again_by_its_text(void **state)
{
    struct deny *first = good("serial 01\n");
    struct deny *same = good("serial 01\n");
    struct deny *other = good("serial 02\n");

    assert_true(deny_same(first, same));
    assert_false(deny_same(first, other));
    assert_false(deny_same(first, NULL));
    assert_false(deny_same(NULL, NULL));
    deny_unref(first);
    deny_unref(same);
    deny_unref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_names_the_peer_by_its_own_fact),
        cmocka_unit_test(claims_that_were_not_verified_name_nobody),
        cmocka_unit_test(no_list_names_nobody),
        cmocka_unit_test(a_bad_line_makes_it_no_list),
        cmocka_unit_test(a_nul_byte_is_no_end_of_a_value),
        cmocka_unit_test(size_and_number_are_bounded),
        cmocka_unit_test(a_list_is_known_again_by_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
