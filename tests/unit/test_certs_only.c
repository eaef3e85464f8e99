/*
 * Certs_only: what another implementation reads out of it, for each form of length.
 */
#include "ca/certs_only.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "tests/lib/authority.h"

#define CAP 16384

static void openssl_reads_the_certificates_in_their_order(void **state)
{
    struct authority authority;
    uint8_t storage[CAP];
    struct buf out = buf_over(storage, sizeof(storage));
    const unsigned char *der = storage;
    PKCS7 *message = NULL;
    struct bytes certs[2];
    struct err err = {0};

    authority_init(&authority, "");
    certs[0] = authority.keys.issuing_der;
    certs[1] = authority.keys.root_der;
    assert_int_equal(certs_only_encode(certs, 2, &out, &err), 0);
    message = d2i_PKCS7(NULL, &der, (long)out.len);
    assert_non_null(message);
    assert_ptr_equal(der, storage + out.len);
    assert_true(PKCS7_type_is_signed(message));
    assert_int_equal(sk_X509_num(message->d.sign->cert), 2);
    assert_int_equal(X509_cmp(sk_X509_value(message->d.sign->cert, 0), authority.keys.issuing), 0);
    assert_int_equal(X509_cmp(sk_X509_value(message->d.sign->cert, 1), authority.keys.root), 0);
    PKCS7_free(message);
    authority_deinit(&authority);
}

/* Opens one item: tag, minimal length, nothing behind it. */
static struct bytes open_item(struct bytes bytes, uint8_t tag)
{
    size_t head = 2;
    size_t len = bytes.data[1];

    assert_int_equal(bytes.data[0], tag);
    if (len >= 0x80) {
        size_t num = len & 0x7f;

        len = 0;
        for (size_t i = 0; i < num; i++) {
            len = len << 8 | bytes.data[2 + i];
        }
        head += num;
        assert_true(len >= (num == 1 ? 0x80U : 1U << 8 * (num - 1)));
    }
    assert_int_equal(head + len, bytes.len);
    return (struct bytes){bytes.data + head, len};
}

static void lengths_are_minimal(void **state)
{
    static const size_t lens[] = {2, 60, 70, 80, 90, 110, 127, 128, 220, 255, 256, 300, 12000};
    uint8_t item[12000] = {0};

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        uint8_t storage[CAP];
        struct buf out = buf_over(storage, sizeof(storage));
        struct bytes cert = {item, lens[i]};
        struct bytes outer;
        struct bytes inner;
        struct err err = {0};

        assert_int_equal(certs_only_encode(&cert, 1, &out, &err), 0);
        outer = open_item((struct bytes){out.data, out.len}, 0x30);
        inner = open_item((struct bytes){outer.data + 11, outer.len - 11}, 0xa0);
        inner = open_item(inner, 0x30);
        inner = open_item((struct bytes){inner.data + 18, inner.len - 18 - 2}, 0xa0);
        assert_int_equal(inner.len, lens[i]);
    }
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
    uint8_t item[200] = {0};
    uint8_t storage[210];
    struct bytes certs[] = {{item, 200}, {item, 200}};

    for (size_t cap = 0; cap <= sizeof(storage); cap++) {
        struct buf out = buf_over(storage, cap);
        struct err err = {0};

        assert_int_equal(certs_only_encode(certs, 1, &out, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
        assert_int_equal(out.len, 0);
        assert_int_equal(certs_only_encode(certs, 2, &out, &err), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_reads_the_certificates_in_their_order),
        cmocka_unit_test(lengths_are_minimal),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
