/*
 * Policy_value: reading the values of a policy's keys.
 *
 * Each returns -1 with ERR_INVALID (what is needed) or ERR_LIMIT (memory), and then leaves what it
 * was to fill as it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy_bits.h"
#include "attest/policy_rules.h"

struct err;

/* Decimal digits without leading zero, as everywhere in our files. */
int policy_value_number(const char *value, uint64_t min, uint64_t max, uint64_t *out_number,
                        struct err *err);

/* Seconds, or a number with s, min, h or d; at most POLICY_TTL_MAX. */
int policy_value_ttl(const char *value, unsigned *out_ttl_s, struct err *err);

/* One of two words. */
int policy_value_choice(const char *value, const char *no, const char *yes, bool *out_yes,
                        struct err *err);

/* A copy, the caller's. */
int policy_value_text(char **field, const char *value, struct err *err);

int policy_value_product(const char *name, unsigned *out_product, struct err *err);

/* `num_parts` numbers of at most 255 with dots between: 2 or 3. */
int policy_value_version(const char *value, size_t num_parts, uint8_t *out_parts, struct err *err);

/* Hexadecimal, 64 bits at most, with or without 0x. */
int policy_value_mask(const char *value, uint64_t *out_mask, struct err *err);

/* Adds `len` bytes in hexadecimal to a list. */
int policy_value_add(const char *value, size_t len, bool never_zero, struct policy_values *values,
                     struct err *err);

/* Adds the named bit to a mask. */
int policy_value_bit(const char *value, enum policy_word word, enum policy_wish wish,
                     uint64_t *mask, struct err *err);

bool policy_value_is_dns(const char *name);
