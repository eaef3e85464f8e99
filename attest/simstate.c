/*
 * Simstate: one table of keys, for reading and for writing.
 */
#include "attest/simstate.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/file.h"
#include "common/ini.h"

#define TEXT_CAP 2048

enum kind { KIND_PRODUCT, KIND_UNSIGNED, KIND_UINT32, KIND_HEX64, KIND_BYTES };

#define FIELD(name) offsetof(struct simstate, name), sizeof(((struct simstate *)0)->name)

// clang-format off
static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t len;
    uint64_t min;
    uint64_t max;
} keys[] = {
    {"product",        KIND_PRODUCT,  FIELD(product),        0, 0},
    {"layout",         KIND_UNSIGNED, FIELD(layout),         0, TCB_LAYOUTS - 1},
    {"report_version", KIND_UNSIGNED, FIELD(report_version), 2, 5},
    {"guest_policy",   KIND_HEX64,    FIELD(guest_policy),   0, UINT64_MAX},
    {"platform_info",  KIND_HEX64,    FIELD(platform_info),  0, UINT64_MAX},
    {"guest_svn",      KIND_UINT32,   FIELD(guest_svn),      0, UINT32_MAX},
    {"tcb",            KIND_BYTES,    FIELD(tcb),            0, 0},
    {"chip_id",        KIND_BYTES,    FIELD(chip_id),        0, 0},
    {"report_id",      KIND_BYTES,    FIELD(report_id),      0, 0},
    {"measurement",    KIND_BYTES,    FIELD(measurement),    0, 0},
    {"host_data",      KIND_BYTES,    FIELD(host_data),      0, 0},
    {"family_id",      KIND_BYTES,    FIELD(family_id),      0, 0},
    {"image_id",       KIND_BYTES,    FIELD(image_id),       0, 0},
    {"id_key_digest",  KIND_BYTES,    FIELD(id_key_digest),  0, 0},
    {"has_author_key", KIND_UNSIGNED, FIELD(has_author_key), 0, 1},
    {"author_key_digest", KIND_BYTES, FIELD(author_key_digest), 0, 0},
};
// clang-format on

#define NUM_KEYS (sizeof(keys) / sizeof(keys[0]))

/* "0x" and hexadecimal, or decimal, from `min` to `max`. */
static bool parse_number(const char *text, bool hex, uint64_t min, uint64_t max,
                         uint64_t *out_number)
{
    static const char digits[] = "0123456789abcdef";
    char *end = NULL;

    if (hex) {
        if (strncmp(text, "0x", 2) != 0) {
            return false;
        }
        text += 2;
    }
    if (text[0] == '\0' || strspn(text, digits) != strlen(text)) {
        return false;
    }
    errno = 0;
    *out_number = strtoull(text, &end, hex ? 16 : 10);
    return errno == 0 && *end == '\0' && *out_number >= min && *out_number <= max;
}

static bool parse_hex(const char *text, uint8_t *out_bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    if (strlen(text) != 2 * len || strspn(text, digits) != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        size_t high = (size_t)(strchr(digits, text[2 * i]) - digits);
        size_t low = (size_t)(strchr(digits, text[2 * i + 1]) - digits);

        out_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool parse_value(const struct key *key, const char *text, uint8_t *field)
{
    uint64_t number = 0;
    unsigned small = 0;
    uint32_t word = 0;
    enum product product;

    switch (key->kind) {
    case KIND_PRODUCT:
        if (!product_find(text, &product)) {
            return false;
        }
        memcpy(field, &product, key->len);
        return true;
    case KIND_UNSIGNED:
        if (!parse_number(text, false, key->min, key->max, &number)) {
            return false;
        }
        small = (unsigned)number;
        memcpy(field, &small, key->len);
        return true;
    case KIND_UINT32:
        if (!parse_number(text, false, key->min, key->max, &number)) {
            return false;
        }
        word = (uint32_t)number;
        memcpy(field, &word, key->len);
        return true;
    case KIND_HEX64:
        if (!parse_number(text, true, key->min, key->max, &number)) {
            return false;
        }
        memcpy(field, &number, key->len);
        return true;
    case KIND_BYTES:
        return parse_hex(text, field, key->len);
    }
    return false;
}

struct reading {
    struct simstate state;
    bool seen[NUM_KEYS];
};

static int on_key(void *user, const struct ini_key *found, struct err *err)
{
    struct reading *reading = user;

    if (strcmp(found->kind, "machine") != 0 || found->name[0] != '\0') {
        return err_set(err, ERR_INVALID, "unknown section");
    }
    for (size_t i = 0; i < NUM_KEYS; i++) {
        if (strcmp(keys[i].name, found->key) != 0) {
            continue;
        }
        if (reading->seen[i]) {
            return err_set(err, ERR_INVALID, "set twice");
        }
        reading->seen[i] = true;
        if (!parse_value(&keys[i], found->value, (uint8_t *)&reading->state + keys[i].offset)) {
            return err_set(err, ERR_INVALID, "bad value");
        }
        return 0;
    }
    return err_set(err, ERR_INVALID, "unknown key");
}

static bool layout_fits(const struct simstate *state)
{
    const struct product_info *info = product_info(state->product);

    return state->layout >= info->layout_min && state->layout <= info->layout_max;
}

int simstate_read(const char *path, struct simstate *out_state, struct err *err)
{
    struct reading reading = {0};
    struct ini_callbacks callbacks = {.on_key = on_key, .user = &reading};

    if (ini_load(path, &callbacks, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < NUM_KEYS; i++) {
        if (!reading.seen[i]) {
            return err_set(err, ERR_INVALID, "%s: [machine] %s: missing", path, keys[i].name);
        }
    }
    if (!layout_fits(&reading.state)) {
        return err_set(err, ERR_INVALID, "%s: [machine] layout: not one of this product", path);
    }
    *out_state = reading.state;
    return 0;
}

static bool put_value(struct buf *out, const struct key *key, const uint8_t *field)
{
    enum product product;
    uint64_t number = 0;
    unsigned small = 0;
    uint32_t word = 0;
    bool ok = true;

    switch (key->kind) {
    case KIND_PRODUCT:
        memcpy(&product, field, key->len);
        return buf_printf(out, "%s", product_info(product)->name);
    case KIND_UNSIGNED:
        memcpy(&small, field, key->len);
        return buf_printf(out, "%u", small);
    case KIND_UINT32:
        memcpy(&word, field, key->len);
        return buf_printf(out, "%" PRIu32, word);
    case KIND_HEX64:
        memcpy(&number, field, key->len);
        return buf_printf(out, "0x%" PRIx64, number);
    case KIND_BYTES:
        for (size_t i = 0; i < key->len; i++) {
            ok = ok && buf_printf(out, "%02x", field[i]);
        }
        return ok;
    }
    return false;
}

int simstate_write(const char *path, const struct simstate *state, struct err *err)
{
    char text[TEXT_CAP];
    struct buf out = buf_over(text, sizeof(text));
    bool ok = buf_printf(&out, "[machine]\n");

    for (size_t i = 0; ok && i < NUM_KEYS; i++) {
        ok = buf_printf(&out, "%s = ", keys[i].name) &&
             put_value(&out, &keys[i], (const uint8_t *)state + keys[i].offset) &&
             buf_printf(&out, "\n");
    }
    if (!ok) {
        return err_set(err, ERR_LIMIT, "%s: too long", path);
    }
    return file_create(path, 0644, out.data, out.len, err);
}
