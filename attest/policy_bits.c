/*
 * Policy_bits: the table.
 */
#include "attest/policy_bits.h"

#include <string.h>

static const struct policy_bit guest_bits[] = {
    {"cxl", 21, POLICY_FORBID, "cxl-allowed"},
    {"single-socket", 20, POLICY_REQUIRE, "single-socket-off"},
    {"xts", 22, POLICY_REQUIRE, "xts-off"},
    {"rapl-dis", 23, POLICY_REQUIRE, "rapl-on"},
    {"ciphertext-hiding", 24, POLICY_REQUIRE, "ciphertext-hiding-off"},
    {"page-swap-dis", 25, POLICY_REQUIRE, "page-swap-on"},
};

static const struct policy_bit platform_bits[] = {
    {"ecc", 2, POLICY_REQUIRE, "ecc-off"},
    {"rapl-dis", 3, POLICY_REQUIRE, "platform-rapl-on"},
    {"dram-hiding", 4, POLICY_REQUIRE, "dram-hiding-off"},
    {"alias-check", 5, POLICY_REQUIRE, "alias-check-missing"},
    {"iommu-safe", 6, POLICY_REQUIRE, "iommu-unsafe"},
    {"smt", 0, POLICY_FORBID, "platform-smt-on"},
    {"tsme", 1, POLICY_FORBID, "tsme-on"},
    {"tio", 7, POLICY_FORBID, "tio-on"},
};

const struct policy_bit *policy_bits(enum policy_word word, size_t *out_num)
{
    if (word == POLICY_WORD_GUEST) {
        *out_num = sizeof(guest_bits) / sizeof(guest_bits[0]);
        return guest_bits;
    }
    *out_num = sizeof(platform_bits) / sizeof(platform_bits[0]);
    return platform_bits;
}

const struct policy_bit *policy_bits_find(enum policy_word word, enum policy_wish wish,
                                          const char *name)
{
    size_t num = 0;
    const struct policy_bit *bits = policy_bits(word, &num);

    for (size_t i = 0; i < num; i++) {
        if (bits[i].wish == wish && strcmp(bits[i].name, name) == 0) {
            return &bits[i];
        }
    }
    return NULL;
}

const struct policy_bit *policy_bits_broken(enum policy_word word, enum policy_wish wish,
                                            uint64_t mask, uint64_t value)
{
    size_t num = 0;
    const struct policy_bit *bits = policy_bits(word, &num);

    for (size_t i = 0; i < num; i++) {
        bool set = (value >> bits[i].bit & 1) != 0;

        if (bits[i].wish == wish && (mask >> bits[i].bit & 1) != 0 &&
            set != (wish == POLICY_REQUIRE)) {
            return &bits[i];
        }
    }
    return NULL;
}
