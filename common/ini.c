/*
 * Ini: checks every line, then lets inih take the text apart.
 *
 * Two passes: the first sees only the form of the lines and the headers, so that nothing is handed
 * on from a file that is broken further down; the second is inih, fed line by line, so that each
 * key comes with its line number (the packaged inih does not give it).
 */
#include "common/ini.h"

#include <ini.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/file.h"

#define KIND_MAX 16 /* bytes; with blank and NAME within the 49 that inih keeps of a section */
#define SECTION_CAP (KIND_MAX + 1 + INI_NAME_MAX + 1)

static const char key_chars[] = "abcdefghijklmnopqrstuvwxyz_";
static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char blanks[] = " \t";

struct line {
    const char *text; /* without LF; not terminated */
    size_t len;
    unsigned number; /* from 1 */
};

struct header {
    char section[SECTION_CAP]; /* "kind" or "kind name" */
    unsigned line;
};

/* Takes the next line off [*rest, end).  False at the end. */
static bool next_line(const char **rest, const char *end, struct line *line)
{
    const char *lf = NULL;

    if (*rest == end) {
        return false;
    }
    lf = memchr(*rest, '\n', (size_t)(end - *rest));
    line->text = *rest;
    line->len = (size_t)((lf != NULL ? lf : end) - *rest);
    line->number++;
    *rest = lf != NULL ? lf + 1 : end;
    return true;
}

/* How many of the first bytes of [text, text + len) are in `set`. */
static size_t span(const char *text, size_t len, const char *set)
{
    size_t n = 0;

    while (n < len && text[n] != '\0' && strchr(set, text[n]) != NULL) {
        n++;
    }
    return n;
}

/* "[kind]" or "[kind name]", then nothing but blanks and a comment set off by a blank. */
static int parse_header(const struct line *line, struct header *out_header, struct err *err)
{
    const char *text = line->text + 1;
    size_t len = line->len - 1;
    size_t kind = span(text, len, key_chars);
    size_t section = kind;
    size_t gap = 0;

    if (kind > 0 && kind < len && text[kind] == ' ') {
        size_t name = span(text + kind + 1, len - kind - 1, name_chars);

        if (name == 0 || name > INI_NAME_MAX) {
            return err_set(
                err, ERR_INVALID,
                "a section name is 1 to %d of a-z, 0-9 and '-', with one blank before it",
                INI_NAME_MAX);
        }
        section += 1 + name;
    }
    if (kind == 0 || kind > KIND_MAX || section == len || text[section] != ']') {
        return err_set(err, ERR_INVALID, "a header is exactly [kind] or [kind name]");
    }
    text += section + 1;
    len -= section + 1;
    gap = span(text, len, blanks);
    if (gap < len && (gap == 0 || text[gap] != ';')) {
        return err_set(err, ERR_INVALID, "only a comment, ' ;...', may follow a header");
    }
    memcpy(out_header->section, line->text + 1, section);
    out_header->section[section] = '\0';
    out_header->line = line->number;
    return 0;
}

static int check_bytes(const struct line *line, struct err *err)
{
    if (line->len > INI_LINE_MAX) {
        return err_set(err, ERR_INVALID, "longer than %d bytes", INI_LINE_MAX);
    }
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->text[i];

        if (c != '\t' && (c < 0x20 || c > 0x7e)) {
            return err_set(err, ERR_INVALID, "byte 0x%02x is not printable ASCII", c);
        }
    }
    return 0;
}

enum line_kind { LINE_IGNORED, LINE_HEADER, LINE_KEY };

static int classify(const struct line *line, enum line_kind *out_kind, struct err *err)
{
    size_t lead = span(line->text, line->len, blanks);
    size_t key = 0;

    if (check_bytes(line, err) != 0) {
        return -1;
    }
    if (lead == line->len) {
        *out_kind = LINE_IGNORED;
        return 0;
    }
    if (lead > 0) {
        return err_set(err, ERR_INVALID, "a line must not start with a blank");
    }
    if (line->text[0] == ';' || line->text[0] == '#') {
        *out_kind = LINE_IGNORED;
        return 0;
    }
    if (line->text[0] == '[') {
        *out_kind = LINE_HEADER;
        return 0;
    }
    key = span(line->text, line->len, key_chars);
    lead = span(line->text + key, line->len - key, blanks);
    if (key == 0 || key + lead == line->len || line->text[key + lead] != '=') {
        return err_set(err, ERR_INVALID, "need 'key = value' with a key of a-z and '_'");
    }
    *out_kind = LINE_KEY;
    return 0;
}

static int compare_headers(const void *a, const void *b)
{
    const struct header *left = a;
    const struct header *right = b;
    int order = strcmp(left->section, right->section);

    if (order != 0) {
        return order;
    }
    return left->line < right->line ? -1 : 1;
}

static size_t count_headers(const char *text, const char *end)
{
    struct line line = {0};
    size_t num = 0;

    while (next_line(&text, end, &line)) {
        num += line.len > 0 && line.text[0] == '[';
    }
    return num;
}

static int check_repeats(const char *name, struct header *headers, size_t num, struct err *err)
{
    if (num > 0) {
        qsort(headers, num, sizeof(*headers), compare_headers);
    }
    for (size_t i = 1; i < num; i++) {
        if (strcmp(headers[i - 1].section, headers[i].section) == 0) {
            return err_set(err, ERR_INVALID, "%s:%u: [%s]: already in line %u", name,
                           headers[i].line, headers[i].section, headers[i - 1].line);
        }
    }
    return 0;
}

/* The first pass. */
static int check_lines(const char *name, const char *text, size_t len, struct err *err)
{
    const char *end = text + len;
    struct line line = {0};
    size_t num = 0;
    int rc = -1;
    struct header *headers = calloc(count_headers(text, end) + 1, sizeof(*headers));

    if (headers == NULL) {
        return err_set(err, ERR_LIMIT, "%s: out of memory", name);
    }
    while (next_line(&text, end, &line)) {
        enum line_kind kind = LINE_IGNORED;

        if (classify(&line, &kind, err) != 0 ||
            (kind == LINE_HEADER && parse_header(&line, &headers[num], err) != 0)) {
            err_wrap(err, "%s:%u", name, line.number);
            goto out;
        }
        if (kind == LINE_KEY && num == 0) {
            err_set(err, ERR_INVALID, "%s:%u: a key before the first header", name, line.number);
            goto out;
        }
        num += kind == LINE_HEADER;
    }
    rc = check_repeats(name, headers, num, err);
out:
    free(headers);
    return rc;
}

/* The second pass, shared by inih's two callbacks. */
struct pass {
    const char *file;
    const char *rest;
    const char *end;
    struct line line;
    char section[SECTION_CAP]; /* as in the last header */
    char kind[SECTION_CAP];    /* the same, cut at the blank */
    const char *name;          /* what stands behind the blank, or "" */
    const struct ini_callbacks *callbacks;
    struct err *err;
    bool failed;
};

static int enter_section(struct pass *pass)
{
    struct header header;
    char *blank = NULL;

    if (parse_header(&pass->line, &header, pass->err) != 0) {
        return err_wrap(pass->err, "%s:%u", pass->file, pass->line.number);
    }
    memcpy(pass->section, header.section, sizeof(pass->section));
    memcpy(pass->kind, header.section, sizeof(pass->kind));
    blank = strchr(pass->kind, ' ');
    pass->name = "";
    if (blank != NULL) {
        *blank = '\0';
        pass->name = blank + 1;
    }
    if (pass->callbacks->on_section != NULL &&
        pass->callbacks->on_section(pass->callbacks->user, pass->kind, pass->name,
                                    pass->line.number, pass->err) != 0) {
        return err_wrap(pass->err, "%s:%u: [%s]", pass->file, pass->line.number, pass->section);
    }
    return 0;
}

/* inih asks for the next line, as of fgets(). */
static char *give_line(char *out, int cap, void *user)
{
    struct pass *pass = user;

    if (pass->failed || !next_line(&pass->rest, pass->end, &pass->line)) {
        return NULL;
    }
    if (cap < 2 || pass->line.len > (size_t)cap - 2) {
        /* A build of inih with shorter lines than ours would split this one. */
        err_set(pass->err, ERR_INVALID, "%s:%u: too long for this inih", pass->file,
                pass->line.number);
        pass->failed = true;
        return NULL;
    }
    if (pass->line.len > 0 && pass->line.text[0] == '[' && enter_section(pass) != 0) {
        pass->failed = true;
        return NULL;
    }
    memcpy(out, pass->line.text, pass->line.len);
    out[pass->line.len] = '\n';
    out[pass->line.len + 1] = '\0';
    return out;
}

static int judge_key(struct pass *pass, const char *section, const struct ini_key *key)
{
    if (strcmp(section, pass->section) != 0) {
        return err_set(pass->err, ERR_INVALID, "inih sees it in [%s]", section);
    }
    if (key->value[0] == '\0') {
        return err_set(pass->err, ERR_INVALID, "no value");
    }
    if (key->value[0] == ';') { /* with a blank before it, it would be a comment */
        return err_set(pass->err, ERR_INVALID, "a value does not begin with ';'");
    }
    if (strchr(key->value, '"') != NULL) {
        return err_set(pass->err, ERR_INVALID, "quotes have no meaning here; leave them out");
    }
    return pass->callbacks->on_key(pass->callbacks->user, key, pass->err);
}

/* inih found a key: 1 is its word for success. */
static int take_key(void *user, const char *section, const char *name, const char *value)
{
    struct pass *pass = user;
    struct ini_key key = {.kind = pass->kind,
                          .name = pass->name,
                          .key = name,
                          .value = value,
                          .line = pass->line.number};

    if (!pass->failed && judge_key(pass, section, &key) != 0) {
        err_wrap(pass->err, "%s:%u: [%s] %s", pass->file, key.line, pass->section, name);
        pass->failed = true;
    }
    return !pass->failed;
}

int ini_parse_text(const char *name, const char *text, size_t len,
                   const struct ini_callbacks *callbacks, struct err *err)
{
    struct pass pass = {.file = name,
                        .rest = text,
                        .end = text + len,
                        .name = "",
                        .callbacks = callbacks,
                        .err = err};
    int rc = 0;

    if (len > INI_FILE_MAX) {
        return err_set(err, ERR_INVALID, "%s: longer than %d bytes", name, INI_FILE_MAX);
    }
    if (check_lines(name, text, len, err) != 0) {
        return -1;
    }
    rc = ini_parse_stream(give_line, &pass, take_key, &pass);
    if (pass.failed) {
        return -1; /* err was filled where it happened */
    }
    if (rc != 0) {
        return err_set(err, ERR_INVALID, "%s:%d: not understood", name, rc);
    }
    return 0;
}

int ini_load(const char *path, const struct ini_callbacks *callbacks, struct err *err)
{
    uint8_t *text = NULL;
    size_t len = 0;
    int rc = 0;

    if (file_read(path, INI_FILE_MAX, &text, &len, err) != 0) {
        return -1;
    }
    rc = ini_parse_text(path, (const char *)text, len, callbacks, err);
    free(text);
    return rc;
}
