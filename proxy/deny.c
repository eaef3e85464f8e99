/*
 * Deny: parsing, and the search in a sorted table of values.
 */
#include "proxy/deny.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "common/err.h"
#include "common/spiffe.h"
#include "common/svid.h"

#define DENY_MEASUREMENT_LEN 48

enum deny_kind { DENY_SPIFFE, DENY_SERIAL, DENY_SPKI, DENY_MEASUREMENT, DENY_KINDS };

struct deny_entry {
    enum deny_kind kind;
    struct bytes value; /* in the list's store */
};

struct deny {
    atomic_size_t refs;
    uint8_t digest[SHA256_DIGEST_LENGTH]; /* of the text */
    uint8_t *store;                       /* all values, never longer than the text */
    size_t store_len;
    struct deny_entry *entries; /* sorted */
    size_t num_entries;
};

/* Values in hex have `min` to `max` bytes; an ID, for which both are 0, is checked by its form. */
static const struct {
    const char *name;
    size_t min;
    size_t max;
} deny_kinds[DENY_KINDS] = {
    [DENY_SPIFFE] = {"spiffe", 0, 0},
    [DENY_SERIAL] = {"serial", 1, 20},
    [DENY_SPKI] = {"spki", SHA256_DIGEST_LENGTH, SHA256_DIGEST_LENGTH},
    [DENY_MEASUREMENT] = {"measurement", DENY_MEASUREMENT_LEN, DENY_MEASUREMENT_LEN},
};

static int deny_compare(const void *a, const void *b)
{
    const struct deny_entry *left = a;
    const struct deny_entry *right = b;

    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    if (left->value.len != right->value.len) {
        return left->value.len < right->value.len ? -1 : 1;
    }
    return memcmp(left->value.data, right->value.data, left->value.len);
}

/* -1: no hex digit. */
static int deny_digit(uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t lower = c >= 'A' && c <= 'F' ? (uint8_t)(c - 'A' + 'a') : c;
    const char *found = lower != '\0' ? strchr(digits, lower) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

static int deny_read_hex(struct deny *deny, enum deny_kind kind, struct bytes text,
                         struct deny_entry *out, struct err *err)
{
    uint8_t *value = deny->store + deny->store_len;
    size_t len = text.len / 2;

    if (text.len % 2 != 0 || len < deny_kinds[kind].min || len > deny_kinds[kind].max) {
        return err_set(err, ERR_INVALID, "%s: need %zu to %zu bytes, two hex digits each",
                       deny_kinds[kind].name, deny_kinds[kind].min, deny_kinds[kind].max);
    }
    for (size_t i = 0; i < len; i++) {
        int high = deny_digit(text.data[2 * i]);
        int low = deny_digit(text.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return err_set(err, ERR_INVALID, "%s: not a hex digit", deny_kinds[kind].name);
        }
        value[i] = (uint8_t)(high * 16 + low);
    }
    deny->store_len += len;
    /* A serial is a number: certificates hold it without leading zeros. */
    while (kind == DENY_SERIAL && len > 1 && value[0] == 0) {
        value++;
        len--;
    }
    *out = (struct deny_entry){kind, {value, len}};
    return 0;
}

static int deny_read_id(struct deny *deny, struct bytes text, struct deny_entry *out,
                        struct err *err)
{
    uint8_t *value = deny->store + deny->store_len;

    if (!spiffe_id_valid((const char *)text.data, text.len)) {
        return err_set(err, ERR_INVALID, "spiffe: not a SPIFFE ID with a path");
    }
    memcpy(value, text.data, text.len);
    deny->store_len += text.len;
    *out = (struct deny_entry){DENY_SPIFFE, {value, text.len}};
    return 0;
}

static bool deny_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Takes the first word off `line`. */
static struct bytes deny_word(struct bytes *line)
{
    struct bytes word = {line->data, 0};

    while (word.len < line->len && !deny_blank(line->data[word.len])) {
        word.len++;
    }
    line->data += word.len;
    line->len -= word.len;
    while (line->len > 0 && deny_blank(line->data[0])) {
        line->data++;
        line->len--;
    }
    return word;
}

static int deny_read_line(struct deny *deny, struct bytes line, struct err *err)
{
    struct bytes name = {0};
    struct bytes value = {0};

    while (line.len > 0 && deny_blank(line.data[line.len - 1])) {
        line.len--;
    }
    if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';') {
        return 0;
    }
    name = deny_word(&line);
    value = deny_word(&line);
    if (value.len == 0 || line.len > 0) {
        return err_set(err, ERR_INVALID, "need KIND VALUE");
    }
    if (deny->num_entries == DENY_ENTRIES_MAX) {
        return err_set(err, ERR_INVALID, "more than %d entries", DENY_ENTRIES_MAX);
    }
    for (unsigned kind = 0; kind < DENY_KINDS; kind++) {
        struct deny_entry *out = &deny->entries[deny->num_entries];

        if (strlen(deny_kinds[kind].name) == name.len &&
            memcmp(deny_kinds[kind].name, name.data, name.len) == 0) {
            deny->num_entries++;
            return kind == DENY_SPIFFE ? deny_read_id(deny, value, out, err)
                                       : deny_read_hex(deny, (enum deny_kind)kind, value, out, err);
        }
    }
    return err_set(err, ERR_INVALID, "KIND is none of spiffe, serial, spki, measurement");
}

static int deny_read(struct deny *deny, struct bytes text, struct err *err)
{
    /* A writer that is not done yet has emptied the file, or has most often not ended its line; a
       full disk leaves it empty for good. */
    if (text.len == 0) {
        return err_set(err, ERR_INVALID, "empty: a list of nobody has a comment");
    }
    if (text.data[text.len - 1] != '\n') {
        return err_set(err, ERR_INVALID, "the last line has no end");
    }
    for (size_t number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        struct bytes line = {text.data, (size_t)(end - text.data)};

        if (deny_read_line(deny, line, err) != 0) {
            return err_wrap(err, "line %zu", number);
        }
        text.data += line.len + 1;
        text.len -= line.len + 1;
    }
    return 0;
}

static size_t deny_count_lines(struct bytes text)
{
    size_t num = 0;

    for (size_t i = 0; i < text.len; i++) {
        num += text.data[i] == '\n' ? 1 : 0;
    }
    return num < DENY_ENTRIES_MAX ? num : DENY_ENTRIES_MAX;
}

struct deny *deny_parse(struct bytes text, struct err *err)
{
    struct deny *deny = NULL;

    if (text.len > DENY_TEXT_MAX) {
        err_set(err, ERR_INVALID, "longer than %zu bytes", DENY_TEXT_MAX);
        return NULL;
    }
    deny = calloc(1, sizeof(*deny));
    if (deny == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    atomic_init(&deny->refs, 1);
    deny->store = malloc(text.len + 1);
    deny->entries = calloc(deny_count_lines(text) + 1, sizeof(*deny->entries));
    if (deny->store == NULL || deny->entries == NULL ||
        SHA256(text.data, text.len, deny->digest) == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        deny_unref(deny);
        return NULL;
    }
    if (deny_read(deny, text, err) != 0) {
        deny_unref(deny);
        return NULL;
    }
    qsort(deny->entries, deny->num_entries, sizeof(*deny->entries), deny_compare);
    return deny;
}

struct deny *deny_ref(struct deny *deny)
{
    atomic_fetch_add_explicit(&deny->refs, 1, memory_order_relaxed);
    return deny;
}

void deny_unref(struct deny *deny)
{
    if (deny == NULL || atomic_fetch_sub_explicit(&deny->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    free(deny->store);
    free(deny->entries);
    free(deny);
}

static bool deny_names(const struct deny *deny, enum deny_kind kind, const void *data, size_t len)
{
    const struct deny_entry wanted = {kind, {data, len}};

    return bsearch(&wanted, deny->entries, deny->num_entries, sizeof(wanted), deny_compare) != NULL;
}

const char *deny_find(const struct deny *deny, const struct svid *peer)
{
    const struct deny_entry facts[] = {
        {DENY_SPIFFE, {(const uint8_t *)peer->spiffe, strlen(peer->spiffe)}},
        {DENY_SERIAL, {peer->serial, peer->serial_len}},
        {DENY_SPKI, {peer->spki_sha256, sizeof(peer->spki_sha256)}},
        {DENY_MEASUREMENT,
         {peer->claims.measurement, peer->has_claims ? peer->claims.measurement_len : 0}},
    };

    for (size_t i = 0; deny != NULL && i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (deny_names(deny, facts[i].kind, facts[i].value.data, facts[i].value.len)) {
            return deny_kinds[facts[i].kind].name;
        }
    }
    return NULL;
}

size_t deny_count(const struct deny *deny)
{
    return deny != NULL ? deny->num_entries : 0;
}

bool deny_same(const struct deny *left, const struct deny *right)
{
    return left != NULL && right != NULL &&
           memcmp(left->digest, right->digest, sizeof(left->digest)) == 0;
}
