/*
 * Cert: the walk over received bytes.  The rows that use it are tested in test_rule_chain.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attest/cert.h"
#include "tests/lib/specimen.h"

static const struct specimen_kind milan = {"Milan", 3, NULL};

static enum cert_status read_cert(const struct specimen_cert *from, struct cert *out_cert)
{
    struct buf none = buf_over(NULL, 0);

    return cert_read((struct bytes){from->data, from->len}, &none, out_cert);
}

/* Where notBefore's UTCTime starts: the first in the certificate. */
static uint8_t *find_time(struct specimen_cert *cert)
{
    for (size_t i = 0; i + 15 <= cert->len; i++) {
        if (cert->data[i] == 0x17 && cert->data[i + 1] == 0x0d && cert->data[i + 14] == 'Z') {
            return cert->data + i;
        }
    }
    fail();
    return NULL;
}

static void dates_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        int64_t time; /* -1: malformed */
    } rows[] = {
        {"700101000000Z", 0},          {"260528203320Z", 1780000400}, {"000229000000Z", 951782400},
        {"491231235959Z", 2524607999}, {"500101000000Z", -631152000}, {"240229235959Z", 1709251199},
        {"261301000000Z", -1},         {"260001000000Z", -1},         {"260100000000Z", -1},
        {"260132000000Z", -1},         {"260431000000Z", -1},         {"260101240000Z", -1},
        {"260101006000Z", -1},         {"260101000060Z", -1},         {"2601010000 0Z", -1},
        {"260101000000z", -1},         {"-60101000000Z", -1},         {"260229000000Z", -1},
    };
    struct specimen *specimen = specimen_new(&milan);
    uint8_t *time = find_time(&specimen->vek);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cert cert = {.not_before = 7};
        enum cert_status status = CERT_OK;

        memcpy(time + 2, rows[i].text, 13);
        status = read_cert(&specimen->vek, &cert);
        if (rows[i].time == -1) {
            assert_int_equal(status, CERT_MALFORMED);
            assert_int_equal(cert.not_before, 7);
        } else {
            assert_int_equal(status, CERT_OK);
            assert_int_equal(cert.not_before, rows[i].time);
        }
    }
    specimen_free(specimen);
}

static void every_cut_and_every_tail_is_malformed(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    size_t whole = specimen->vek.len;
    struct cert cert;

    for (specimen->vek.len = 0; specimen->vek.len < whole; specimen->vek.len++) {
        assert_int_equal(read_cert(&specimen->vek, &cert), CERT_MALFORMED);
    }
    assert_int_equal(read_cert(&specimen->vek, &cert), CERT_OK);
    specimen->vek.len = whole + 1;
    assert_int_equal(read_cert(&specimen->vek, &cert), CERT_MALFORMED);
    specimen->vek.len = CERT_DER_MAX + 1;
    assert_int_equal(read_cert(&specimen->vek, &cert), CERT_TOO_LONG);
    specimen_free(specimen);
}

static void pem_gives_the_same_certificate(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct specimen_cert der = specimen->vek;
    uint8_t storage[CERT_DER_MAX];
    struct buf buf = buf_over(storage, sizeof(storage));
    struct buf small = buf_over(storage, 100);
    struct cert cert;

    specimen_to_pem(&specimen->vek);
    assert_int_equal(cert_read((struct bytes){specimen->vek.data, specimen->vek.len}, &buf, &cert),
                     CERT_OK);
    assert_int_equal(cert.der.len, der.len);
    assert_memory_equal(cert.der.data, der.data, der.len);
    assert_int_not_equal(
        cert_read((struct bytes){specimen->vek.data, specimen->vek.len}, &small, &cert), CERT_OK);
    specimen_free(specimen);
}

static void a_name_has_exactly_one_common_name(void **state)
{
    static const uint8_t one[] = "\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02xy";
    static const uint8_t none[] = "\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x0a\x0c\x02xy";
    static const uint8_t two[] = "\x30\x1a\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02xy"
                                 "\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02xy";
    static const uint8_t bmp[] = "\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x1e\x02xy";
    struct bytes text;

    assert_true(cert_common_name((struct bytes){one, sizeof(one) - 1}, &text));
    assert_int_equal(text.len, 2);
    assert_memory_equal(text.data, "xy", 2);
    assert_false(cert_common_name((struct bytes){none, sizeof(none) - 1}, &text));
    assert_false(cert_common_name((struct bytes){two, sizeof(two) - 1}, &text));
    assert_false(cert_common_name((struct bytes){bmp, sizeof(bmp) - 1}, &text));
    assert_false(cert_common_name((struct bytes){one, sizeof(one) - 2}, &text));
}

/* Both encodings of the algorithm that AMD uses; ours are the short one, so patch a copy. */
static void the_long_algorithm_identifier_fits_too(void **state)
{
    static const uint8_t long_form[] =
        "\x30\x46\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x39"
        "\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00"
        "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
        "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00"
        "\xa2\x03\x02\x01\x30\xa3\x03\x02\x01\x01";
    struct specimen *specimen = specimen_new(&milan);
    struct cert cert;

    assert_int_equal(read_cert(&specimen->vek, &cert), CERT_OK);
    assert_true(cert_pss_fits(&cert));
    cert.algorithm_outer = (struct bytes){long_form, sizeof(long_form) - 1};
    assert_true(cert_pss_fits(&cert));
    assert_true(cert_is_pss(&cert));
    cert.algorithm_outer.len--;
    assert_false(cert_pss_fits(&cert));
    specimen_free(specimen);
}

static void a_signature_holds_only_under_its_issuers_key(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    struct cert vek;
    struct cert ask;
    struct cert ark;

    assert_int_equal(read_cert(&specimen->vek, &vek), CERT_OK);
    assert_int_equal(read_cert(&specimen->ask, &ask), CERT_OK);
    assert_int_equal(read_cert(&specimen->ark, &ark), CERT_OK);
    assert_true(cert_signed_by(&vek, &ask));
    assert_true(cert_signed_by(&ask, &ark));
    assert_true(cert_signed_by(&ark, &ark));
    assert_false(cert_signed_by(&vek, &ark));
    assert_false(cert_signed_by(&ask, &ask));
    assert_false(cert_signed_by(&ask, &vek)); /* an EC key signs no certificate here */
    specimen->vek.data[specimen->vek.len - 1] ^= 1;
    assert_false(cert_signed_by(&vek, &ask));
    specimen_free(specimen);
}

static void a_key_of_another_size_exponent_or_form_is_refused(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    uint8_t rsa[1024];
    uint8_t ec[256];
    struct cert ask;
    struct cert vek;

    assert_int_equal(read_cert(&specimen->ask, &ask), CERT_OK);
    assert_int_equal(read_cert(&specimen->vek, &vek), CERT_OK);
    assert_true(cert_key_is_rsa4096(&ask) && cert_key_is_p384(&vek));
    memcpy(rsa, ask.spki.data, ask.spki.len);
    ask.spki.data = rsa;
    rsa[ask.spki.len - 1] = 3; /* the exponent's last octet */
    assert_false(cert_key_is_rsa4096(&ask));
    rsa[ask.spki.len - 1] = 1;
    rsa[ask.spki.len - 5 - 512] &= 0x7f; /* the modulus's first: 4095 bits */
    assert_false(cert_key_is_rsa4096(&ask));
    memcpy(ec, vek.spki.data, vek.spki.len);
    ec[vek.spki.len - 97] = (uint8_t)(0x06 | (ec[vek.spki.len - 1] & 1)); /* the hybrid form */
    vek.spki.data = ec;
    assert_false(cert_key_is_p384(&vek));
    specimen_free(specimen);
}

static void nothing_may_follow_the_key(void **state)
{
    struct specimen *specimen = specimen_new(&milan);
    uint8_t spki[1024];
    struct cert ask;

    assert_int_equal(read_cert(&specimen->ask, &ask), CERT_OK);
    assert_true(cert_key_is_rsa4096(&ask));
    memcpy(spki, ask.spki.data, ask.spki.len);
    memcpy(spki + ask.spki.len, "\x05\x00", 2); /* a NULL, inside the SEQUENCE */
    spki[3] = (uint8_t)(spki[3] + 2);
    ask.spki = (struct bytes){spki, ask.spki.len + 2};
    assert_false(cert_key_is_rsa4096(&ask));
    specimen_free(specimen);
}

static void a_usage_among_unused_bits_is_malformed(void **state)
{
    static const uint8_t usage[] = {0x03, 0x02, 0x02, 0x04}; /* keyCertSign; two bits not used */
    struct specimen *specimen = specimen_new(&milan);
    uint8_t *at = memmem(specimen->ask.data, specimen->ask.len, usage, sizeof(usage));
    struct cert ask;

    assert_non_null(at);
    assert_int_equal(read_cert(&specimen->ask, &ask), CERT_OK);
    assert_true(cert_usage(&ask).valid);
    at[2] = 3; /* now it is among them */
    assert_true(cert_usage(&ask).found);
    assert_false(cert_usage(&ask).valid);
    specimen_free(specimen);
}

/* Where OpenSSL reads BER, and what stands there would mean the same. */
static void one_value_has_one_encoding(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        size_t len;
        bool readable; /* the certificate is, the extension not */
    } rows[] = {
        {"\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x00", 5, false}, /* v1 spelled out */
        {"\x03\x55\x1d\x13\x01\x01\xff", "\x03\x55\x1d\x13\x01\x01\x01", 7, false},
        {"\x03\x55\x1d\x13\x01\x01\xff", "\x03\x55\x1d\x13\x01\x01\x00", 7, false},
        {"\x03\x82\x02\x01\x00", "\x03\x82\x02\x01\x01", 5, false},        /* unused bits */
        {"\x01\x01\xff\x02\x01\x00", "\x01\x01\x01\x02\x01\x00", 6, true}, /* CA */
        {"\x01\x01\xff\x02\x01\x00", "\x01\x01\xff\x02\x01\x80", 6, true}, /* pathlen -128 */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct specimen *specimen = specimen_new(&milan);
        struct specimen_cert *cert = &specimen->ask;
        struct cert ask;
        uint8_t *at = NULL;

        assert_int_equal(read_cert(cert, &ask), CERT_OK);
        assert_true(cert_constraints(&ask).valid);
        /* The last one: a signature comes behind the key, which is a BIT STRING too. */
        for (uint8_t *next = cert->data;
             (next = memmem(next, cert->len - (size_t)(next - cert->data), rows[i].from,
                            rows[i].len)) != NULL;
             next++) {
            at = next;
        }
        assert_non_null(at);
        memcpy(at, rows[i].to, rows[i].len);
        if (read_cert(cert, &ask) != (rows[i].readable ? CERT_OK : CERT_MALFORMED)) {
            fail_msg("row %zu", i);
        }
        assert_false(rows[i].readable && cert_constraints(&ask).valid);
        specimen_free(specimen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_strictly),
        cmocka_unit_test(every_cut_and_every_tail_is_malformed),
        cmocka_unit_test(pem_gives_the_same_certificate),
        cmocka_unit_test(a_name_has_exactly_one_common_name),
        cmocka_unit_test(the_long_algorithm_identifier_fits_too),
        cmocka_unit_test(a_signature_holds_only_under_its_issuers_key),
        cmocka_unit_test(a_key_of_another_size_exponent_or_form_is_refused),
        cmocka_unit_test(nothing_may_follow_the_key),
        cmocka_unit_test(one_value_has_one_encoding),
        cmocka_unit_test(a_usage_among_unused_bits_is_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
