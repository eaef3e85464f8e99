/*
 * Policy_bits: the bits of POLICY and PLATFORM_INFO that a policy may require or forbid by name
 * (AMD 56860, tables of the guest policy and of PLATFORM_INFO).
 *
 * Each has one polarity: a bit that is good when set may be required, one that is bad when set may
 * be forbidden, and neither the other way round.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_word { POLICY_WORD_GUEST, POLICY_WORD_PLATFORM, POLICY_WORDS };

enum policy_wish { POLICY_REQUIRE, POLICY_FORBID };

struct policy_bit {
    const char *name; /* in a policy */
    uint8_t bit;
    enum policy_wish wish;
    const char *slug; /* of the refusal */
};

#define POLICY_PLATFORM_KNOWN UINT64_C(0xff) /* bits of PLATFORM_INFO that have a meaning */

/* All bits of a word, in the order in which they are judged. */
const struct policy_bit *policy_bits(enum policy_word word, size_t *out_num);

/* The bit of that name and wish; NULL: there is none. */
const struct policy_bit *policy_bits_find(enum policy_word word, enum policy_wish wish,
                                          const char *name);

/* The first bit of `mask` that `value` has not as wished; NULL: none. */
const struct policy_bit *policy_bits_broken(enum policy_word word, enum policy_wish wish,
                                            uint64_t mask, uint64_t value);
