/*
 * Policy_value: what the value of a key may look like, and its reading.
 */
#include "attest/policy_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "common/err.h"

#define NUMBER_DIGITS_MAX 18 /* cannot overflow 64 bits */
#define HEX_DIGITS "0123456789abcdefABCDEF"

/* Decimal digits without leading zero, as everywhere in our files. */
int policy_value_number(const char *value, uint64_t min, uint64_t max, uint64_t *out_number,
                        struct err *err)
{
    uint64_t number = 0;
    size_t len = strspn(value, "0123456789");

    if (len > 0 && len <= NUMBER_DIGITS_MAX && value[len] == '\0' &&
        (value[0] != '0' || len == 1)) {
        for (size_t i = 0; i < len; i++) {
            number = number * 10 + (uint64_t)(value[i] - '0');
        }
        if (number >= min && number <= max) {
            *out_number = number;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a number from %llu to %llu", (unsigned long long)min,
                   (unsigned long long)max);
}

/* Seconds, or a number with s, min, h or d. */
int policy_value_ttl(const char *value, unsigned *out_ttl_s, struct err *err)
{
    static const struct {
        const char *unit;
        unsigned seconds;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    char digits[8];
    size_t len = strspn(value, "0123456789");
    uint64_t number = 0;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (len == 0 || len >= sizeof(digits) || strcmp(value + len, units[i].unit) != 0) {
            continue;
        }
        memcpy(digits, value, len);
        digits[len] = '\0';
        if (policy_value_number(digits, 1, POLICY_TTL_MAX, &number, err) == 0 &&
            number * units[i].seconds <= POLICY_TTL_MAX) {
            *out_ttl_s = (unsigned)number * units[i].seconds;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a duration of at most 24 h, such as 3600 or 60min");
}

int policy_value_choice(const char *value, const char *no, const char *yes, bool *out_yes,
                        struct err *err)
{
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0) {
        return err_set(err, ERR_INVALID, "need %s or %s", no, yes);
    }
    *out_yes = strcmp(value, yes) == 0;
    return 0;
}

int policy_value_text(char **field, const char *value, struct err *err)
{
    *field = strdup(value);
    return *field != NULL ? 0 : err_set(err, ERR_LIMIT, "out of memory");
}

int policy_value_product(const char *name, unsigned *out_product, struct err *err)
{
    for (unsigned i = 0; i < PRODUCTS; i++) {
        if (strcmp(name, product_name((enum product)i)) == 0) {
            *out_product = i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a product: milan, genoa, turin or sim");
}

/* LDH names (RFC 1123), lower case, no wildcard and no trailing dot; the last label is no number:
   what looks like an address would be certified as one. */
bool policy_value_is_dns(const char *name)
{
    const char *last = strrchr(name, '.') != NULL ? strrchr(name, '.') + 1 : name;
    size_t label = 0;

    for (size_t i = 0; name[i] != '\0'; i++) {
        bool alnum = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');
        bool inner = label > 0 && name[i + 1] != '.' && name[i + 1] != '\0';

        if (name[i] == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
            continue;
        }
        if ((!alnum && !(name[i] == '-' && inner)) || ++label > 63) {
            return false;
        }
    }
    return label > 0 && strlen(name) <= 253 && strspn(last, "0123456789") != label;
}

int policy_value_version(const char *value, size_t num_parts, uint8_t *out_parts, struct err *err)
{
    const char *at = value;

    for (size_t i = 0; i < num_parts; i++) {
        char digits[4];
        size_t len = strspn(at, "0123456789");
        char behind = at[len < sizeof(digits) ? len : 0];
        uint64_t part = 0;

        if (len == 0 || len >= sizeof(digits) || behind != (i + 1 < num_parts ? '.' : '\0')) {
            break;
        }
        memcpy(digits, at, len);
        digits[len] = '\0';
        if (policy_value_number(digits, 0, UINT8_MAX, &part, err) != 0) {
            break;
        }
        out_parts[i] = (uint8_t)part;
        at += len + 1;
        if (i + 1 == num_parts) {
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "need a version such as %s",
                   num_parts == 2 ? "1.51" : "1.55.40");
}

int policy_value_mask(const char *value, uint64_t *out_mask, struct err *err)
{
    const char *digits = strncmp(value, "0x", 2) == 0 ? value + 2 : value;
    size_t len = strlen(digits);

    if (len == 0 || len > 16 || strspn(digits, HEX_DIGITS) != len) {
        return err_set(err, ERR_INVALID, "need up to 16 hex digits");
    }
    *out_mask = strtoull(digits, NULL, 16);
    return 0;
}

/* Only hex digits: OPENSSL_hexstr2buf would take separators too. */
int policy_value_add(const char *value, size_t len, bool never_zero, struct policy_values *values,
                     struct err *err)
{
    uint8_t *data = NULL;
    uint8_t *added = NULL;
    size_t got = 0;
    uint8_t any = 0;

    if (strlen(value) != 2 * len || strspn(value, HEX_DIGITS) != 2 * len) {
        return err_set(err, ERR_INVALID, "need %zu hex digits", 2 * len);
    }
    if (values->num == POLICY_VALUES_MAX) {
        return err_set(err, ERR_INVALID, "more than %d values", POLICY_VALUES_MAX);
    }
    data = realloc(values->data, (values->num + 1) * len);
    if (data == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    values->data = data;
    added = data + values->num * len;
    if (OPENSSL_hexstr2buf_ex(added, len, &got, value, '\0') != 1) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < len; i++) {
        any |= added[i];
    }
    if (never_zero && any == 0) {
        return err_set(err, ERR_INVALID, "zero stands for none, and would match whoever has none");
    }
    values->num++;
    return 0;
}

int policy_value_bit(const char *value, enum policy_word word, enum policy_wish wish,
                     uint64_t *mask, struct err *err)
{
    const struct policy_bit *bit = policy_bits_find(word, wish, value);
    char names[128] = "";
    size_t num = 0;
    const struct policy_bit *bits = policy_bits(word, &num);

    if (bit != NULL) {
        *mask |= UINT64_C(1) << bit->bit;
        return 0;
    }
    for (size_t i = 0; i < num; i++) {
        if (bits[i].wish == wish) {
            size_t len = strlen(names);

            snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "", bits[i].name);
        }
    }
    return err_set(err, ERR_INVALID, "need one of: %s", names);
}
