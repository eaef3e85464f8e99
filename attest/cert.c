/*
 * Cert: the walk over the DER of one certificate.  What is inside its names and extensions is
 * certext.c, its key and signature certkey.c.
 */
#include "attest/cert.h"

#include "attest/pem.h"
#include "common/der.h"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define TAG_CONTEXT_1_PRIMITIVE 0x81
#define TAG_CONTEXT_2_PRIMITIVE 0x82
#define TAG_CONTEXT_3 0xa3

static bool two_digits(const uint8_t *text, unsigned max, unsigned *out_value)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    *out_value = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    return *out_value <= max;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar; years counted from March. */
static int64_t days_from_date(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* UTCTime YYMMDDHHMMSSZ or GeneralizedTime YYYYMMDDHHMMSSZ (RFC 5280 section 4.1.2.5). */
bool cert_take_time(struct der *der, int64_t *out_time)
{
    struct der_item item;
    unsigned century = 0;
    unsigned part[6]; /* year, month, day, hour, minute, second */
    static const unsigned max[6] = {99, 12, 31, 23, 59, 59};
    const uint8_t *text = NULL;
    unsigned year = 0;

    if (!der_any(der, &item)) {
        return false;
    }
    text = item.content.data;
    if (item.tag == TAG_GENERALIZED_TIME && item.content.len == 15) {
        if (!two_digits(text, 99, &century)) {
            return false;
        }
        text += 2;
    } else if (item.tag != TAG_UTC_TIME || item.content.len != 13) {
        return false;
    }
    for (size_t i = 0; i < 6; i++, text += 2) {
        if (!two_digits(text, max[i], &part[i])) {
            return false;
        }
    }
    if (item.tag == TAG_UTC_TIME) {
        century = part[0] < 50 ? 20 : 19;
    }
    year = century * 100 + part[0];
    if (*text != 'Z' || part[1] == 0 || part[2] == 0 || part[2] > days_of_month(year, part[1])) {
        return false;
    }
    *out_time = days_from_date(year, part[1], part[2]) * 86400 + (int64_t)part[3] * 3600 +
                (int64_t)part[4] * 60 + (int64_t)part[5];
    return true;
}

static bool read_validity(struct der *tbs, struct cert *cert)
{
    struct der_item item;
    struct der validity;

    if (!der_take(tbs, DER_SEQUENCE, &item)) {
        return false;
    }
    validity = der_over(item.content);
    return cert_take_time(&validity, &cert->not_before) &&
           cert_take_time(&validity, &cert->not_after) && der_end(&validity);
}

/* Version is DEFAULT v1, so DER leaves it out then. */
static bool read_version(struct der *tbs, unsigned *out_version)
{
    struct der_item outer;
    struct der_item item;
    struct der inner;

    *out_version = 1;
    if (!der_at(tbs, DER_CONTEXT_0)) {
        return true;
    }
    if (!der_take(tbs, DER_CONTEXT_0, &outer)) {
        return false;
    }
    inner = der_over(outer.content);
    if (!der_take(&inner, DER_INTEGER, &item) || !der_end(&inner) || item.content.len != 1 ||
        item.content.data[0] == 0 || item.content.data[0] > 0x7f) {
        return false;
    }
    *out_version = item.content.data[0] + 1U;
    return true;
}

/* Every extension, so that later look-ups cannot fail half-way. */
static bool read_extensions(struct der *tbs, struct bytes *out_extensions)
{
    struct der_item outer;
    struct der_item list;
    struct der inner;
    struct bytes rest;
    struct cert_extension extension;

    *out_extensions = (struct bytes){0};
    if (der_end(tbs)) {
        return true;
    }
    if (!der_take(tbs, TAG_CONTEXT_3, &outer)) {
        return false;
    }
    inner = der_over(outer.content);
    if (!der_take(&inner, DER_SEQUENCE, &list) || !der_end(&inner) || list.content.len == 0) {
        return false;
    }
    rest = list.content;
    while (rest.len > 0) {
        if (!cert_next_extension(&rest, &extension)) {
            return false;
        }
    }
    *out_extensions = list.content;
    return true;
}

/* A BIT STRING of whole octets. */
static bool read_bits(struct der *der, struct bytes *out_bits)
{
    struct der_item item;

    if (!der_take(der, DER_BIT_STRING, &item) || item.content.len < 1 ||
        item.content.data[0] != 0) {
        return false;
    }
    *out_bits = (struct bytes){item.content.data + 1, item.content.len - 1};
    return true;
}

bool cert_take_sequence(struct der *der, struct bytes *out_whole)
{
    struct der_item item;

    if (!der_take(der, DER_SEQUENCE, &item)) {
        return false;
    }
    *out_whole = item.whole;
    return true;
}

static bool read_tbs(struct bytes content, struct cert *cert)
{
    struct der tbs = der_over(content);
    struct der_item item;

    if (!read_version(&tbs, &cert->version) || !der_take(&tbs, DER_INTEGER, &item) ||
        item.content.len == 0) {
        return false;
    }
    cert->serial = item.content;
    if (!cert_take_sequence(&tbs, &cert->algorithm_inner) ||
        !cert_take_sequence(&tbs, &cert->issuer) || !read_validity(&tbs, cert) ||
        !cert_take_sequence(&tbs, &cert->subject) || !cert_take_sequence(&tbs, &cert->spki)) {
        return false;
    }
    if (der_at(&tbs, TAG_CONTEXT_1_PRIMITIVE) && !der_any(&tbs, &item)) {
        return false; /* issuerUniqueID */
    }
    if (der_at(&tbs, TAG_CONTEXT_2_PRIMITIVE) && !der_any(&tbs, &item)) {
        return false; /* subjectUniqueID */
    }
    return read_extensions(&tbs, &cert->extensions) && der_end(&tbs);
}

bool cert_take_signed(struct bytes der, struct cert *out_cert, struct bytes *out_tbs)
{
    struct der outer = der_over(der);
    struct der_item item;
    struct der inner;
    struct der_item tbs;

    if (!der_take(&outer, DER_SEQUENCE, &item) || !der_end(&outer)) {
        return false;
    }
    inner = der_over(item.content);
    if (!der_take(&inner, DER_SEQUENCE, &tbs) ||
        !cert_take_sequence(&inner, &out_cert->algorithm_outer) ||
        !read_bits(&inner, &out_cert->signature) || !der_end(&inner)) {
        return false;
    }
    out_cert->tbs = tbs.whole;
    *out_tbs = tbs.content;
    return true;
}

static bool read_certificate(struct bytes der, struct cert *cert)
{
    struct bytes tbs;

    *cert = (struct cert){.der = der};
    return cert_take_signed(der, cert, &tbs) && read_tbs(tbs, cert);
}

enum cert_status cert_read(struct bytes input, struct buf *storage, struct cert *out_cert)
{
    struct cert cert;
    size_t before = storage->len;

    if (pem_looks_like(input)) {
        enum pem_status status = pem_decode(input, CERT_DER_MAX, storage);

        if (status != PEM_OK) {
            return status == PEM_TOO_LONG ? CERT_TOO_LONG : CERT_MALFORMED;
        }
        input = (struct bytes){storage->data + before, storage->len - before};
    }
    if (input.len > CERT_DER_MAX) {
        return CERT_TOO_LONG;
    }
    if (!read_certificate(input, &cert)) {
        storage->len = before;
        return CERT_MALFORMED;
    }
    *out_cert = cert;
    return CERT_OK;
}
