/*
 * Settings_value: how fields are filled, written and freed.  Nothing is trimmed or guessed.
 */
#include "config/settings_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "config/settings_describe.h"
#include "config/settings_quantity.h"
#include "config/settings_text.h"

/* Word `i` of "a|b|c"; NULL if there are fewer. */
static const char *choice_at(const char *choices, size_t i, size_t *out_len)
{
    for (; i > 0 && choices != NULL; i--) {
        choices = strchr(choices, '|');
        choices = choices != NULL ? choices + 1 : NULL;
    }
    *out_len = choices != NULL ? strcspn(choices, "|") : 0;
    return choices;
}

static bool find_choice(const char *choices, const char *text, unsigned *out_index)
{
    const char *word = NULL;
    size_t len = 0;

    for (unsigned i = 0; (word = choice_at(choices, i, &len)) != NULL; i++) {
        if (strlen(text) == len && memcmp(text, word, len) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

static int read_number(const struct setting *row, const char *text, void *field, struct err *err)
{
    const char *rest = NULL;
    uint64_t value = 0;
    bool is_plain = row->kind == SETTING_NUMBER || row->kind == SETTING_FLOOR;
    bool is_valid = is_plain ? settings_quantity_digits(text, &value, &rest) && *rest == '\0'
                             : settings_quantity_read(row, text, &value);

    if (!is_valid || value < row->min || value > row->max) {
        return settings_describe_need(row, err);
    }
    if (row->kind == SETTING_FLOOR) {
        struct setting_floor *floor = field;

        *floor = (struct setting_floor){.is_set = true, .value = value};
    } else {
        uint64_t *number = field;

        *number = value;
    }
    return 0;
}

static int read_choice(const struct setting *row, const char *text, void *field, struct err *err)
{
    unsigned index = 0;

    if (!find_choice(row->choices, text, &index)) {
        return settings_describe_need(row, err);
    }
    memcpy(field, &index, sizeof(index)); /* the field is an enum of the caller's */
    return 0;
}

static int read_bool(const struct setting *row, const char *text, void *field, struct err *err)
{
    bool *out = field;
    unsigned index = 0;

    if (!find_choice("no|yes", text, &index)) {
        return settings_describe_need(row, err);
    }
    *out = index == 1;
    return 0;
}

static int check_word(const struct setting *row, const char *text, struct err *err)
{
    unsigned index = 0;

    if (row->kind != SETTING_CHOICE) {
        return settings_text_check(row, text, err);
    }
    return find_choice(row->choices, text, &index) ? 0 : settings_describe_need(row, err);
}

/* Room for one more item. */
static bool grow(struct setting_list *list)
{
    char **items = realloc(list->items, (list->num + 1) * sizeof(*items));
    unsigned *lines = NULL;

    if (items == NULL) {
        return false;
    }
    list->items = items;
    lines = realloc(list->lines, (list->num + 1) * sizeof(*lines));
    if (lines == NULL) {
        return false;
    }
    list->lines = lines;
    return true;
}

static int append(const struct setting *row, const char *text, size_t len, unsigned line,
                  struct setting_list *list, struct err *err)
{
    char *item = NULL;

    if (list->num == SETTINGS_LIST_MAX) {
        return err_set(err, ERR_INVALID, "more than %d values", SETTINGS_LIST_MAX);
    }
    item = strndup(text, len);
    if (item == NULL || !grow(list)) {
        free(item);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    if (check_word(row, item, err) != 0) {
        free(item);
        return -1;
    }
    list->items[list->num] = item;
    list->lines[list->num] = line;
    list->num++;
    return 0;
}

/* Names may stand several in a line; any other kind is one value. */
static int read_list(const struct setting *row, const char *text, unsigned line,
                     struct setting_list *list, struct err *err)
{
    static const char blanks[] = " \t";

    if (row->kind != SETTING_NAME) {
        return append(row, text, strlen(text), line, list, err);
    }
    while (*text != '\0') {
        size_t len = strcspn(text, blanks);

        if (append(row, text, len, line, list, err) != 0) {
            return -1;
        }
        text += len;
        text += strspn(text, blanks);
    }
    return 0;
}

static int read_text(const struct setting *row, const char *text, void *field, struct err *err)
{
    char **out = field;
    size_t skip = row->kind == SETTING_STORED ? strlen(row->choices) : 0;
    char *copy = NULL;

    if (settings_text_check(row, text, err) != 0) {
        return -1;
    }
    copy = strdup(text + skip);
    if (copy == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    free(*out);
    *out = copy;
    return 0;
}

int settings_value_read(const struct setting *row, const char *text, unsigned line, void *field,
                        struct err *err)
{
    if ((row->flags & SETTING_LIST) != 0) {
        return read_list(row, text, line, field, err);
    }
    switch (row->kind) {
    case SETTING_CHOICE:
        return read_choice(row, text, field, err);
    case SETTING_BOOL:
        return read_bool(row, text, field, err);
    case SETTING_NUMBER:
    case SETTING_FLOOR:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return read_number(row, text, field, err);
    case SETTING_PATH:
    case SETTING_STORED:
    case SETTING_HOST:
    case SETTING_DNS_NAME:
    case SETTING_ADDRESS:
    case SETTING_LISTEN:
    case SETTING_TARGET:
    case SETTING_ENDPOINT:
    case SETTING_URL:
    case SETTING_ORIGIN:
    case SETTING_ALPN:
    case SETTING_TRUST_DOMAIN:
    case SETTING_SERVICE:
    case SETTING_SPIFFE_ID:
    case SETTING_HEX:
    case SETTING_UID:
    case SETTING_PREFIX:
    case SETTING_NAME:
    case SETTING_LINE:
        break;
    }
    return read_text(row, text, field, err);
}

static bool is_text(const struct setting *row)
{
    return row->kind < SETTING_CHOICE;
}

size_t settings_value_count(const struct setting *row, const void *field)
{
    const struct setting_list *list = field;
    const struct setting_floor *floor = field;
    const uint64_t *number = field;
    char *const *text = field;

    if ((row->flags & SETTING_LIST) != 0) {
        return list->num;
    }
    if (is_text(row)) {
        return *text != NULL;
    }
    if (row->kind == SETTING_FLOOR) {
        return floor->is_set;
    }
    if (row->kind == SETTING_CHOICE || row->kind == SETTING_BOOL) {
        return 1;
    }
    return *number != 0 || row->fallback != NULL;
}

void settings_value_write(const struct setting *row, const void *field, size_t i,
                          char out[static SETTINGS_VALUE_CAP])
{
    const struct setting_list *list = field;
    const struct setting_floor *floor = field;
    const uint64_t *number = field;
    const bool *flag = field;
    char *const *text = field;

    if ((row->flags & SETTING_LIST) != 0) {
        snprintf(out, SETTINGS_VALUE_CAP, "%s", list->items[i]);
    } else if (is_text(row)) {
        snprintf(out, SETTINGS_VALUE_CAP, "%s%s", row->kind == SETTING_STORED ? row->choices : "",
                 *text);
    } else if (row->kind == SETTING_CHOICE) {
        unsigned index = 0;
        size_t len = 0;
        const char *word = NULL;

        memcpy(&index, field, sizeof(index));
        word = choice_at(row->choices, index, &len);
        snprintf(out, SETTINGS_VALUE_CAP, "%.*s", (int)len, word != NULL ? word : "");
    } else if (row->kind == SETTING_BOOL) {
        snprintf(out, SETTINGS_VALUE_CAP, "%s", *flag ? "yes" : "no");
    } else if (row->kind == SETTING_FLOOR) {
        snprintf(out, SETTINGS_VALUE_CAP, "%" PRIu64, floor->value);
    } else if (row->kind == SETTING_NUMBER) {
        snprintf(out, SETTINGS_VALUE_CAP, "%" PRIu64, *number);
    } else {
        settings_quantity_write(row, *number, out);
    }
}

void settings_value_clear(const struct setting *row, void *field)
{
    struct setting_list *list = field;
    char **text = field;

    if ((row->flags & SETTING_LIST) != 0) {
        for (size_t i = 0; i < list->num; i++) {
            free(list->items[i]);
        }
        free(list->items);
        free(list->lines);
        *list = (struct setting_list){0};
    } else if (is_text(row)) {
        free(*text);
        *text = NULL;
    }
}

size_t settings_value_sections(const struct setting_section *section, const void *whole,
                               const uint8_t **out_first)
{
    const uint8_t *bytes = whole;
    const void *count = bytes + section->count_offset;

    *out_first = bytes + section->offset;
    if (section->max == 0) {
        return 1;
    }
    memcpy(out_first, bytes + section->offset, sizeof(*out_first)); /* a pointer to the array */
    return *(const size_t *)count;
}
