/*
 * Product: the tables.  The anchors are hashes of keys; certificates come from anywhere.
 */
#include "attest/product.h"

#include <assert.h>
#include <string.h>

#include "attest/verify.h"

// clang-format off
static const struct product_info products[PRODUCTS] = {
    [PRODUCT_MILAN] = {"Milan", 0, 0, true},
    [PRODUCT_GENOA] = {"Genoa", 0, 0, true},
    [PRODUCT_TURIN] = {"Turin", 1, 1, true},
    [PRODUCT_SIM]   = {"Sim",   0, 1, false},
};

static const struct {
    uint8_t family;
    uint8_t model_min;
    uint8_t model_max;
    enum product product;
} processors[] = {
    {0x19, 0x00, 0x0f, PRODUCT_MILAN},
    {0x19, 0x10, 0x1f, PRODUCT_GENOA},
    {0x19, 0xa0, 0xaf, PRODUCT_GENOA}, /* Bergamo and Siena: Genoa's chain */
    {0x1a, 0x00, 0x1f, PRODUCT_TURIN},
    {0x00, 0x00, 0x00, PRODUCT_SIM},
};

/* AMD's roots, read from their certificates at kdsintf.amd.com: SHA-256 of SubjectPublicKeyInfo. */
const struct anchor verify_vendor_anchors[] = {
    {{0x9f, 0x05, 0x6b, 0xee, 0x44, 0x37, 0x7e, 0x29, 0x30, 0x8c, 0xb5, 0xff, 0xa8, 0x95, 0xbd, 0xfb,
      0x62, 0xd1, 0x88, 0x81, 0xfa, 0x6b, 0xed, 0x8d, 0x6f, 0x07, 0x5b, 0x02, 0x04, 0x08, 0x9c, 0xb9},
     PRODUCT_MILAN, PROVIDER_SEV_GUEST},
    {{0x42, 0x9a, 0x69, 0xc9, 0x42, 0x2a, 0xa2, 0x58, 0xee, 0x4d, 0x8d, 0xb5, 0xfc, 0xda, 0x9c, 0x64,
      0x70, 0xef, 0x15, 0xf8, 0xcd, 0x5a, 0x9c, 0xeb, 0xd6, 0xcb, 0xc7, 0xd9, 0x0b, 0x86, 0x38, 0x31},
     PRODUCT_GENOA, PROVIDER_SEV_GUEST},
    {{0x4f, 0x12, 0x54, 0x10, 0x56, 0x3a, 0x2a, 0xb9, 0xa5, 0x03, 0x56, 0xf9, 0x24, 0x3f, 0x6f, 0xe0,
      0xb6, 0xf7, 0x3d, 0xe9, 0x86, 0x03, 0xf5, 0x3f, 0x90, 0x33, 0x9c, 0x70, 0xe9, 0xd7, 0xad, 0x08},
     PRODUCT_TURIN, PROVIDER_SEV_GUEST},
};
const size_t verify_num_vendor_anchors = sizeof(verify_vendor_anchors) / sizeof(verify_vendor_anchors[0]);

/* SEV-Genoa with serial 0x20001, which CRL number 2 of ARK-Genoa lists. */
static const uint8_t revoked_intermediates[][32] = {
    {0x0d, 0xee, 0x0c, 0x84, 0x6c, 0x77, 0x00, 0x0f, 0xf3, 0x9d, 0x65, 0xb9, 0xd5, 0x1d, 0x8b, 0x31,
     0x18, 0x94, 0x26, 0xd6, 0xf2, 0xf5, 0x08, 0x58, 0xfb, 0x23, 0xb3, 0x97, 0x18, 0xdd, 0x9c, 0x30},
};
// clang-format on

const struct product_info *product_info(enum product product)
{
    assert(product < PRODUCTS);
    return &products[product];
}

bool product_find(const char *name, enum product *out_product)
{
    for (size_t i = 0; i < PRODUCTS; i++) {
        if (strcmp(products[i].name, name) == 0) {
            *out_product = (enum product)i;
            return true;
        }
    }
    return false;
}

bool product_by_cpuid(unsigned family, unsigned model, enum product *out_product)
{
    for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
        if (family == processors[i].family && model >= processors[i].model_min &&
            model <= processors[i].model_max) {
            *out_product = processors[i].product;
            return true;
        }
    }
    return false;
}

bool product_name_fits(enum product product, struct bytes name)
{
    const struct product_info *info = product_info(product);
    size_t len = strlen(info->name);

    if (name.len < len || memcmp(name.data, info->name, len) != 0) {
        return false;
    }
    if (name.len == len) {
        return true;
    }
    return info->stepping && name.len == len + 3 && name.data[len] == '-' &&
           name.data[len + 1] >= 'A' && name.data[len + 1] <= 'Z' && name.data[len + 2] >= '0' &&
           name.data[len + 2] <= '9';
}

bool product_intermediate_revoked(const uint8_t spki_sha256[static 32])
{
    for (size_t i = 0; i < sizeof(revoked_intermediates) / sizeof(revoked_intermediates[0]); i++) {
        if (memcmp(spki_sha256, revoked_intermediates[i], 32) == 0) {
            return true;
        }
    }
    return false;
}
