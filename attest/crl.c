/*
 * Crl: the walk over the DER of one list, every entry included, so that no look-up can fail later.
 */
#include "attest/crl.h"

#include <string.h>

#include "common/der.h"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define OID_CRL_NUMBER "\x55\x1d\x14"
#define OID_CRL_NUMBER_LEN 3

/* A positive INTEGER in DER, without the zero that keeps it positive. */
static bool read_number(struct bytes value, struct bytes *out_number)
{
    struct der der = der_over(value);
    struct der_item item;
    struct bytes number;

    if (!der_take(&der, DER_INTEGER, &item) || !der_end(&der) || item.content.len == 0 ||
        (item.content.data[0] & 0x80) != 0) {
        return false;
    }
    number = item.content;
    if (number.len > 1 && number.data[0] == 0) {
        if ((number.data[1] & 0x80) == 0) {
            return false;
        }
        number.data++;
        number.len--;
    }
    if (number.len > CRL_NUMBER_MAX) {
        return false;
    }
    *out_number = number;
    return true;
}

/* Walks a SEQUENCE OF Extension; `out_list` may be NULL. */
static bool walk_extensions(struct bytes content, bool *critical, struct bytes *out_list)
{
    struct bytes rest = content;
    struct cert_extension extension;

    if (content.len == 0) {
        return false;
    }
    while (rest.len > 0) {
        if (!cert_next_extension(&rest, &extension)) {
            return false;
        }
        *critical = *critical || extension.critical;
    }
    if (out_list != NULL) {
        *out_list = content;
    }
    return true;
}

/* serial number, date, and perhaps extensions */
static bool walk_entry(struct der *list, bool *critical, struct bytes *out_serial)
{
    struct der_item entry;
    struct der_item item;
    struct der inner;
    int64_t ignored = 0;

    if (!der_take(list, DER_SEQUENCE, &entry)) {
        return false;
    }
    inner = der_over(entry.content);
    if (!der_take(&inner, DER_INTEGER, &item) || item.content.len == 0) {
        return false;
    }
    *out_serial = item.content;
    if (!cert_take_time(&inner, &ignored)) {
        return false;
    }
    if (der_end(&inner)) {
        return true;
    }
    return der_take(&inner, DER_SEQUENCE, &item) && der_end(&inner) &&
           walk_extensions(item.content, critical, NULL);
}

/* Absent if nobody is revoked; the SEQUENCE after it, if any, is wrapped in [0]. */
static bool read_revoked(struct der *tbs, struct crl *crl)
{
    struct der_item item;
    struct der list;
    struct bytes serial;

    if (!der_at(tbs, DER_SEQUENCE)) {
        return true;
    }
    if (!der_take(tbs, DER_SEQUENCE, &item)) {
        return false;
    }
    list = der_over(item.content);
    while (!der_end(&list)) {
        if (!walk_entry(&list, &crl->critical, &serial)) {
            return false;
        }
    }
    crl->revoked = item.content;
    return true;
}

static bool read_extensions(struct der *tbs, struct crl *crl)
{
    struct der_item outer;
    struct der_item item;
    struct der inner;
    struct cert_extension number;

    if (der_end(tbs)) {
        return true;
    }
    if (!der_take(tbs, DER_CONTEXT_0, &outer)) {
        return false;
    }
    inner = der_over(outer.content);
    if (!der_take(&inner, DER_SEQUENCE, &item) || !der_end(&inner) ||
        !walk_extensions(item.content, &crl->critical, &crl->signed_part.extensions) ||
        !cert_extensions_unique(&crl->signed_part)) {
        return false;
    }
    crl->authority_key_id = cert_authority_key_id(&crl->signed_part);
    return !cert_find_extension(&crl->signed_part, OID_CRL_NUMBER, OID_CRL_NUMBER_LEN, &number) ||
           read_number(number.value, &crl->number);
}

static bool read_tbs(struct bytes content, struct crl *crl)
{
    struct der tbs = der_over(content);
    struct der_item item;

    crl->version = 1;
    if (der_at(&tbs, DER_INTEGER)) {
        if (!der_take(&tbs, DER_INTEGER, &item) || item.content.len != 1 ||
            item.content.data[0] != 1) {
            return false;
        }
        crl->version = 2;
    }
    if (!cert_take_sequence(&tbs, &crl->signed_part.algorithm_inner) ||
        !cert_take_sequence(&tbs, &crl->signed_part.issuer) ||
        !cert_take_time(&tbs, &crl->this_update)) {
        return false;
    }
    crl->has_next_update = der_at(&tbs, TAG_UTC_TIME) || der_at(&tbs, TAG_GENERALIZED_TIME);
    if (crl->has_next_update && !cert_take_time(&tbs, &crl->next_update)) {
        return false;
    }
    return read_revoked(&tbs, crl) && read_extensions(&tbs, crl) && der_end(&tbs);
}

bool crl_read(struct bytes der, struct crl *out_crl)
{
    struct crl crl = {.der = der};
    struct bytes tbs;

    if (der.len > CRL_DER_MAX || !cert_take_signed(der, &crl.signed_part, &tbs) ||
        !read_tbs(tbs, &crl)) {
        return false;
    }
    *out_crl = crl;
    return true;
}

bool crl_lists(const struct crl *crl, struct bytes serial)
{
    struct der list = der_over(crl->revoked);
    struct bytes listed;
    bool critical = false;

    while (!der_end(&list) && walk_entry(&list, &critical, &listed)) {
        if (listed.len == serial.len && memcmp(listed.data, serial.data, serial.len) == 0) {
            return true;
        }
    }
    return false;
}

int crl_compare_numbers(struct bytes a, struct bytes b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return a.len > 0 ? memcmp(a.data, b.data, a.len) : 0;
}
