/*
 * Settings: reads a file by a table: finds the row of each key, fills fields and fallbacks, refuses
 * what is unknown, repeated or missing, and remembers where everything stood until the table's own
 * check is done.
 */
#include "config/settings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/err.h"
#include "common/file.h"
#include "config/settings_expand.h"
#include "config/settings_value.h"

/* One header (`key` NULL) or key of the file. */
struct origin {
    const char *kind; /* of the table */
    const char *key;  /* of the table */
    char name[INI_NAME_MAX + 1];
    unsigned line;
};

struct settings_source {
    const char *file;
    const struct settings_table *table;
    uint8_t *whole;
    const struct setting_section *section; /* the one that is being read */
    uint8_t *base;                         /* its struct */
    struct origin *origins;
    size_t num_origins;
    size_t cap_origins;
    size_t section_origin; /* index of the header of the section that is being read */
};

static const struct setting_section *find_section(const struct settings_table *table,
                                                  const char *kind)
{
    for (size_t i = 0; i < table->num_sections; i++) {
        if (strcmp(table->sections[i].kind, kind) == 0) {
            return &table->sections[i];
        }
    }
    return NULL;
}

static const struct setting *find_row(const struct settings_table *table, const char *kind,
                                      const char *key)
{
    for (size_t i = 0; i < table->num_rows; i++) {
        if (strcmp(table->rows[i].section, kind) == 0 && strcmp(table->rows[i].key, key) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

static size_t num_of(const struct setting_section *section, const uint8_t *whole)
{
    const void *count = whole + section->count_offset;

    return section->max == 0 ? 1 : *(const size_t *)count;
}

/* The struct of section `i` of its kind. */
static uint8_t *base_of(const struct setting_section *section, uint8_t *whole, size_t i)
{
    uint8_t *array = NULL;

    if (section->max == 0) {
        return whole + section->offset;
    }
    memcpy(&array, whole + section->offset, sizeof(array)); /* a pointer to some struct */
    return i > 0 ? array + i * section->size : array;       /* it may be NULL */
}

static int note(struct settings_source *source, const char *kind, const char *name, const char *key,
                unsigned line, struct err *err)
{
    struct origin *origin = NULL;

    if (source->num_origins == source->cap_origins) {
        size_t cap = source->cap_origins * 2 + 64;
        struct origin *origins = realloc(source->origins, cap * sizeof(*origins));

        if (origins == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
        source->origins = origins;
        source->cap_origins = cap;
    }
    origin = &source->origins[source->num_origins++];
    *origin = (struct origin){.kind = kind, .key = key, .line = line};
    snprintf(origin->name, sizeof(origin->name), "%s", name);
    return 0;
}

/* NULL: it does not stand in the file.  `key` NULL: the header. */
static const struct origin *find_origin(const struct settings_source *source, const char *kind,
                                        const char *name, const char *key)
{
    for (size_t i = 0; i < source->num_origins; i++) {
        const struct origin *origin = &source->origins[i];

        if (strcmp(origin->kind, kind) == 0 && strcmp(origin->name, name) == 0 &&
            (key == NULL ? origin->key == NULL
                         : origin->key != NULL && strcmp(origin->key, key) == 0)) {
            return origin;
        }
    }
    return NULL;
}

static void set_fallbacks(const struct settings_table *table, const char *kind, uint8_t *base)
{
    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        struct err err;

        if (strcmp(row->section, kind) == 0 && row->fallback != NULL &&
            settings_value_read(row, row->fallback, 0, base + row->offset, &err) != 0) {
            abort(); /* the table contradicts itself; its test finds that */
        }
    }
}

/* One more struct at the end of a named section's array. */
static int add_named(struct settings_source *source, const struct setting_section *section,
                     const char *name, struct err *err)
{
    void *count = source->whole + section->count_offset;
    size_t *num = count;
    uint8_t *array = NULL;

    if (*num == section->max) {
        return err_set(err, ERR_INVALID, "more than %zu such sections", section->max);
    }
    memcpy(&array, source->whole + section->offset, sizeof(array));
    array = realloc(array, (*num + 1) * section->size);
    if (array == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    memcpy(source->whole + section->offset, &array, sizeof(array));
    source->base = array + *num * section->size;
    memset(source->base, 0, section->size);
    memcpy(source->base, name, strlen(name) + 1);
    ++*num;
    set_fallbacks(source->table, section->kind, source->base);
    return 0;
}

static int on_section(void *user, const char *kind, const char *name, unsigned line,
                      struct err *err)
{
    struct settings_source *source = user;
    const struct setting_section *section = find_section(source->table, kind);

    if (section == NULL) {
        return err_set(err, ERR_INVALID, "no such section");
    }
    if ((section->max > 0) != (name[0] != '\0')) {
        return err_set(err, ERR_INVALID,
                       section->max > 0 ? "needs a name: [%s NAME]" : "takes no name: [%s]", kind);
    }
    source->section = section;
    source->base = source->whole + section->offset;
    source->section_origin = source->num_origins;
    if (note(source, section->kind, name, NULL, line, err) != 0) {
        return -1;
    }
    return section->max > 0 ? add_named(source, section, name, err) : 0;
}

static int on_key(void *user, const struct ini_key *key, struct err *err)
{
    struct settings_source *source = user;
    const struct setting *row = find_row(source->table, key->kind, key->key);
    char value[SETTINGS_EXPAND_CAP] = "";

    if (row == NULL) {
        return err_set(err, ERR_INVALID, "no such key");
    }
    if ((row->flags & SETTING_LIST) == 0) {
        for (size_t i = source->section_origin + 1; i < source->num_origins; i++) {
            if (source->origins[i].key == row->key) {
                return err_set(err, ERR_INVALID, "already in line %u", source->origins[i].line);
            }
        }
    }
    if (settings_expand(key->value, value, err) != 0 ||
        note(source, row->section, key->name, row->key, key->line, err) != 0) {
        return -1;
    }
    return settings_value_read(row, value, key->line, source->base + row->offset, err);
}

static int check_required(const struct settings_source *source, struct err *err)
{
    const struct settings_table *table = source->table;

    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        const struct setting_section *section = find_section(table, row->section);

        for (size_t j = 0; j < num_of(section, source->whole); j++) {
            const uint8_t *base = base_of(section, source->whole, j);

            if ((row->flags & SETTING_REQUIRED) != 0 &&
                find_origin(source, section->kind, section->max > 0 ? (const char *)base : "",
                            row->key) == NULL) {
                const struct settings_place place = {.kind = section->kind,
                                                     .name =
                                                         section->max > 0 ? (const char *)base : "",
                                                     .key = row->key};

                return settings_refuse(source, &place, err, "missing");
            }
        }
    }
    return 0;
}

bool settings_given(const struct settings_source *source, const char *kind, const char *name,
                    const char *key)
{
    return find_origin(source, kind, name, key) != NULL;
}

int settings_refuse(const struct settings_source *source, const struct settings_place *place,
                    struct err *err, const char *format, ...)
{
    const struct origin *origin = NULL;
    const char *blank = place->kind != NULL && place->name[0] != '\0' ? " " : "";
    char why[ERR_MSG_CAP];
    unsigned line = place->line;
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (place->kind == NULL) {
        return err_set(err, ERR_INVALID, "%s: %s", source->file, why);
    }
    if (line == 0) {
        origin = find_origin(source, place->kind, place->name, place->key);
        if (origin == NULL) {
            origin = find_origin(source, place->kind, place->name, NULL);
        }
        line = origin != NULL ? origin->line : 0;
    }
    if (line == 0) {
        return err_set(err, ERR_INVALID, "%s: [%s%s%s] %s: %s", source->file, place->kind, blank,
                       place->name, place->key, why);
    }
    return err_set(err, ERR_INVALID, "%s:%u: [%s%s%s] %s: %s", source->file, line, place->kind,
                   blank, place->name, place->key, why);
}

/* Both as written in a file; absent is no value at all. */
static bool same_value(const struct setting *row, const uint8_t *left, const uint8_t *right)
{
    size_t num = settings_value_count(row, left);

    if (num != settings_value_count(row, right)) {
        return false;
    }
    for (size_t i = 0; i < num; i++) {
        char a[SETTINGS_VALUE_CAP];
        char b[SETTINGS_VALUE_CAP];

        settings_value_write(row, left, i, a);
        settings_value_write(row, right, i, b);
        if (strcmp(a, b) != 0) {
            return false;
        }
    }
    return true;
}

static int check_running(const struct settings_source *source,
                         const struct settings_running *running, struct err *err)
{
    const struct settings_table *table = source->table;
    const uint8_t *before = running->before;

    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        const struct setting_section *section = find_section(table, row->section);
        const struct settings_place place = {.kind = row->section, .name = "", .key = row->key};
        const uint8_t *field = source->whole + section->offset + row->offset;
        char *path = NULL;

        if (section->max > 0 || same_value(row, before + section->offset + row->offset, field)) {
            continue;
        }
        if ((row->flags & SETTING_RESTART) != 0) {
            return settings_refuse(source, &place, err, "a change needs a restart");
        }
        if (row->kind == SETTING_PATH && (row->flags & SETTING_LIST) == 0) {
            memcpy(&path, field, sizeof(path));
        }
        if (path != NULL && running->may_read != NULL && !running->may_read(path)) {
            return settings_refuse(source, &place, err,
                                   "no permission to read %s; where the sandbox is why, that needs "
                                   "a restart",
                                   path);
        }
    }
    return 0;
}

/* `running` may be NULL. */
static void *parse(const struct settings_table *table, const char *name, const struct bytes *text,
                   const struct settings_running *running, struct err *err)
{
    struct settings_source source = {.file = name, .table = table};
    const struct ini_callbacks callbacks = {
        .on_section = on_section, .on_key = on_key, .user = &source};
    void *whole = NULL;

    source.whole = calloc(1, table->size);
    if (source.whole == NULL) {
        err_set(err, ERR_LIMIT, "%s: out of memory", name);
        goto out;
    }
    for (size_t i = 0; i < table->num_sections; i++) {
        const struct setting_section *section = &table->sections[i];

        if (section->max == 0) {
            set_fallbacks(table, section->kind, source.whole + section->offset);
        }
    }
    if (ini_parse_text(name, (const char *)text->data, text->len, &callbacks, err) != 0 ||
        check_required(&source, err) != 0 || table->check(source.whole, &source, err) != 0 ||
        (running != NULL && check_running(&source, running, err) != 0)) {
        goto out;
    }
    whole = source.whole;
    source.whole = NULL; /* now the caller's */
out:
    settings_free(table, source.whole);
    free(source.origins);
    return whole;
}

void *settings_parse(const struct settings_table *table, const char *name, const char *text,
                     size_t len, struct err *err)
{
    const struct bytes bytes = {(const uint8_t *)text, len};

    return parse(table, name, &bytes, NULL, err);
}

void *settings_load(const struct settings_table *table, const char *path, struct err *err)
{
    return settings_load_next(table, path, NULL, err);
}

void *settings_load_next(const struct settings_table *table, const char *path,
                         const struct settings_running *running, struct err *err)
{
    uint8_t *text = NULL;
    size_t len = 0;
    void *whole = NULL;

    if (file_read(path, INI_FILE_MAX, &text, &len, err) != 0) {
        return NULL;
    }
    whole = parse(table, path, &(struct bytes){text, len}, running, err);
    free(text);
    return whole;
}

void settings_free(const struct settings_table *table, void *whole)
{
    if (whole == NULL) {
        return;
    }
    for (size_t i = 0; i < table->num_rows; i++) {
        const struct setting *row = &table->rows[i];
        const struct setting_section *section = find_section(table, row->section);

        for (size_t j = 0; j < num_of(section, whole); j++) {
            settings_value_clear(row, base_of(section, whole, j) + row->offset);
        }
    }
    for (size_t i = 0; i < table->num_sections; i++) {
        if (table->sections[i].max > 0) {
            free(base_of(&table->sections[i], whole, 0));
        }
    }
    free(whole);
}
