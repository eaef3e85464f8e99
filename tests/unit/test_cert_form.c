/*
 * Cert: certificates put together by hand, with one part that is not as it should be.
 */
#include "attest/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/handmade.h"

enum part {
    VERSION,
    SERIAL,
    ALGORITHM,
    ISSUER,
    VALIDITY,
    SUBJECT,
    SPKI,
    IDS,
    EXTENSIONS,
    SIGNATURE,
    PARTS,
};

#define DATE                                                                                       \
    "\x17\x0d"                                                                                     \
    "260101000000Z"
#define EXTENSION "\x30\x06\x06\x01\x2a\x04\x01\x05"

static const struct bytes sound[PARTS] = {
    [VERSION] = HANDMADE("\xa0\x03\x02\x01\x02"),
    [SERIAL] = HANDMADE("\x02\x01\x05"),
    [ALGORITHM] = HANDMADE("\x30\x02\x05\x00"),
    [ISSUER] = HANDMADE("\x30\x00"),
    [VALIDITY] = HANDMADE("\x30\x1e" DATE DATE),
    [SUBJECT] = HANDMADE("\x30\x00"),
    [SPKI] = HANDMADE("\x30\x02\x05\x00"),
    [IDS] = HANDMADE(""),
    [EXTENSIONS] = HANDMADE("\xa3\x0a\x30\x08" EXTENSION),
    [SIGNATURE] = HANDMADE("\x03\x02\x00\x01"),
};

// clang-format off
static const struct {
    enum part part;
    struct bytes bytes;
    bool readable;
} rows[] = {
    {VERSION, HANDMADE("\xa0\x03\x02\x01\x02"), true},
    {VERSION, HANDMADE("\xa0\x03\x02\x01\x01"), true},
    {VERSION, HANDMADE("\xa0\x03\x02\x01\x00"), false}, /* the default is left out */
    {VERSION, HANDMADE("\xa0\x03\x02\x01\x80"), false},
    {VERSION, HANDMADE("\xa0\x04\x02\x02\x01\x02"), false},
    {VERSION, HANDMADE("\xa0\x05\x02\x01\x02\x05\x00"), false},
    {VERSION, HANDMADE("\xa0\x03\x04\x01\x02"), false},
    {VERSION, HANDMADE("\xa0\x00"), false},
    {SERIAL, HANDMADE("\x04\x01\x05"), false},
    {ALGORITHM, HANDMADE("\x31\x00"), false},
    {ISSUER, HANDMADE("\x31\x00"), false},
    {VALIDITY, HANDMADE("\x31\x1e" DATE DATE), false},
    {VALIDITY, HANDMADE("\x30\x0f" DATE), false},
    {VALIDITY, HANDMADE("\x30\x20" DATE DATE "\x05\x00"), false},
    {VALIDITY, HANDMADE("\x30\x11" "\x05\x00" DATE), false},
    {SUBJECT, HANDMADE("\x31\x00"), false},
    {SPKI, HANDMADE("\x31\x00"), false},
    {EXTENSIONS, HANDMADE(""), true},
    {EXTENSIONS, HANDMADE("\xa3\x00"), false},
    {EXTENSIONS, HANDMADE("\xa3\x02\x30\x00"), false},
    {EXTENSIONS, HANDMADE("\xa3\x0a\x31\x08" EXTENSION), false},
    {EXTENSIONS, HANDMADE("\xa4\x0a\x30\x08" EXTENSION), false},
    {EXTENSIONS, HANDMADE("\xa3\x0c\x30\x08" EXTENSION "\x05\x00"), false},
    {EXTENSIONS, HANDMADE("\xa3\x0c\x30\x0a" EXTENSION "\x05\x00"), false},
    {EXTENSIONS, HANDMADE("\xa3\x0a\x30\x08" EXTENSION "\x05\x00"), false},
    {SIGNATURE, HANDMADE("\x03\x02\x01\x02"), false}, /* bits that are not used */
    {SIGNATURE, HANDMADE("\x03\x00"), false},
    {SIGNATURE, HANDMADE("\x04\x02\x00\x01"), false},
    {SIGNATURE, HANDMADE("\x03\x02\x00\x01\x05\x00"), false},
};
// clang-format on

static enum cert_status read_parts(const struct bytes parts[static PARTS], struct cert *out_cert)
{
    static uint8_t storage[HANDMADE_LEN_MAX];
    struct buf out = buf_over(storage, sizeof(storage));
    struct buf none = buf_over(NULL, 0);

    return cert_read(handmade_signed(parts, SIGNATURE, parts[SIGNATURE], &out), &none, out_cert);
}

static void each_part_is_read_strictly(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes parts[PARTS];
        struct cert cert = {.version = 7};
        enum cert_status status = CERT_OK;

        memcpy(parts, sound, sizeof(parts));
        parts[rows[i].part] = rows[i].bytes;
        status = read_parts(parts, &cert);
        if (status != (rows[i].readable ? CERT_OK : CERT_MALFORMED)) {
            fail_msg("row %zu", i);
        }
        assert_true((cert.version == 7) == !rows[i].readable);
    }
}

static void a_certificate_has_a_greatest_length(void **state)
{
    static uint8_t issuer[CERT_DER_MAX];
    struct bytes parts[PARTS];
    size_t others = 0;

    memcpy(parts, sound, sizeof(parts));
    memcpy(issuer, "\x30\x82", 2);
    for (size_t i = 0; i < PARTS; i++) {
        others += i == ISSUER ? 0 : parts[i].len;
    }
    others += 4 + 4 + 4; /* two heads and the outer AlgorithmIdentifier */
    for (size_t over = 0; over < 2; over++) {
        size_t len = CERT_DER_MAX - others + over;
        struct cert cert;

        issuer[2] = (uint8_t)((len - 4) >> 8);
        issuer[3] = (uint8_t)(len - 4);
        parts[ISSUER] = (struct bytes){issuer, len};
        assert_int_equal(read_parts(parts, &cert), over == 0 ? CERT_OK : CERT_TOO_LONG);
        if (over == 0) {
            assert_int_equal(cert.der.len, CERT_DER_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_is_read_strictly),
        cmocka_unit_test(a_certificate_has_a_greatest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
