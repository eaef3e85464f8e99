/*
 * Vek: sorting a certificate's extensions into AMD's fields.
 */
#include "attest/vek.h"

#include <string.h>

#include "common/der.h"

#define OID_AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01" /* 1.3.6.1.4.1.3704.1 */
#define OID_AMD_LEN 8

enum { ARC_STRUCT_VERSION = 1, ARC_PRODUCT_NAME = 2, ARC_SPL = 3, ARC_HWID = 4, ARC_CSP = 5 };

static bool is_amd(const struct cert_extension *extension)
{
    return extension->oid.len > OID_AMD_LEN &&
           memcmp(extension->oid.data, OID_AMD, OID_AMD_LEN) == 0;
}

/* The whole OID counts: 3704.1.1.x is not structVersion, and 3704.1.3.8.x is no known SPL. */
static void sort_extension(struct vek *vek, const struct cert_extension *extension)
{
    const uint8_t *arcs = extension->oid.data + OID_AMD_LEN;
    size_t num_arcs = extension->oid.len - OID_AMD_LEN; /* octets, one for each small arc */

    if (arcs[0] == ARC_SPL) {
        if (num_arcs == 2 && arcs[1] >= 1 && arcs[1] <= TCB_SPL_MAX) {
            vek->spl[arcs[1]] = extension->value;
        } else {
            vek->spl_unknown = true;
        }
        return;
    }
    if (num_arcs != 1) {
        return;
    }
    switch (arcs[0]) {
    case ARC_STRUCT_VERSION:
        vek->struct_version = extension->value;
        break;
    case ARC_PRODUCT_NAME:
        vek->product_name = extension->value;
        break;
    case ARC_HWID:
        vek->hwid = extension->value;
        break;
    case ARC_CSP:
        vek->csp = extension->value;
        break;
    default:
        break;
    }
}

struct vek vek_read(const struct cert *cert)
{
    struct vek vek = {0};
    struct bytes rest = cert->extensions;
    struct cert_extension extension;

    while (cert_next_extension(&rest, &extension)) {
        if (is_amd(&extension)) {
            sort_extension(&vek, &extension);
        }
    }
    return vek;
}

bool vek_looks_like(const struct cert *cert)
{
    struct bytes rest = cert->extensions;
    struct cert_extension extension;

    while (cert_next_extension(&rest, &extension)) {
        if (is_amd(&extension)) {
            return true;
        }
    }
    return false;
}

bool vek_uint8(struct bytes value, uint8_t *out_number)
{
    struct der der = der_over(value);
    struct der_item item;

    if (!der_take(&der, DER_INTEGER, &item) || !der_end(&der)) {
        return false;
    }
    if (item.content.len == 1 && item.content.data[0] < 0x80) {
        *out_number = item.content.data[0];
        return true;
    }
    if (item.content.len == 2 && item.content.data[0] == 0 && item.content.data[1] >= 0x80) {
        *out_number = item.content.data[1];
        return true;
    }
    return false;
}

bool vek_text(struct bytes value, struct bytes *out_text)
{
    struct der der = der_over(value);
    struct der_item item;

    if (!der_take(&der, DER_IA5_STRING, &item) || !der_end(&der)) {
        return false;
    }
    *out_text = item.content;
    return true;
}
