/*
 * Sheet: two columns of text with marks, or a JSON document {"sections": [{title, lines}]}.
 */
#include "attest/sheet.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"

#define NAME_WIDTH 24
#define VALUE_WIDTH 44 /* longer values push their meaning to the next line */

#define BOLD "\x1b[1m"
#define FAINT "\x1b[2m"
#define RED "\x1b[1;31m"
#define YELLOW "\x1b[33m"
#define GREEN "\x1b[32m"
#define RESET "\x1b[0m"

static const struct {
    const char *colour;
    const char *text; /* before the name */
    const char *name; /* in JSON */
} marks[] = {
    [SHEET_PLAIN] = {"", "  ", NULL},
    [SHEET_GOOD] = {GREEN, "  ", "good"},
    [SHEET_NOTE] = {YELLOW, "? ", "note"},
    [SHEET_DANGER] = {RED, "! ", "danger"},
};

/* Copies with escapes; both ends bounded. */
static void escape(const char *text, char out[static SHEET_VALUE_MAX])
{
    size_t len = 0;

    for (; *text != '\0' && len + 5 < SHEET_VALUE_MAX; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte >= 0x20 && byte <= 0x7e && byte != '\\') {
            out[len++] = (char)byte;
        } else {
            len += (size_t)snprintf(out + len, 5, "\\x%02x", byte);
        }
    }
    out[len] = '\0';
}

/* https://no-color.org: whatever stands in the variable, unless it is empty. */
static bool wants_colour(FILE *out)
{
    const char *refused = getenv("NO_COLOR");

    return isatty(fileno(out)) != 0 && (refused == NULL || refused[0] == '\0');
}

int sheet_init(struct sheet *sheet, FILE *out, bool json, struct err *err)
{
    *sheet = (struct sheet){.out = out, .colour = !json && wants_colour(out)};
    if (!json) {
        return 0;
    }
    sheet->root = json_pack("{s:[]}", "sections");
    if (sheet->root == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for JSON");
    }
    return 0;
}

void sheet_section(struct sheet *sheet, const char *format, ...)
{
    char raw[SHEET_VALUE_MAX];
    char title[SHEET_VALUE_MAX];
    json_t *section = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    escape(raw, title);
    if (sheet->root == NULL) {
        fprintf(sheet->out, "\n%s%s%s\n", sheet->colour ? BOLD : "", title,
                sheet->colour ? RESET : "");
        return;
    }
    section = json_pack("{s:s, s:[]}", "title", title, "lines");
    sheet->lines = json_object_get(section, "lines");
    json_array_append_new(json_object_get(sheet->root, "sections"), section);
}

static void put_text(const struct sheet *sheet, const struct sheet_line *line, const char *value)
{
    const char *colour = sheet->colour ? marks[line->mark].colour : "";
    const char *reset = colour[0] != '\0' ? RESET : "";
    char offset[8] = "     ";

    if (line->offset != SHEET_NO_OFFSET) {
        snprintf(offset, sizeof(offset), "%03x  ", (unsigned)line->offset & 0xfffU);
    }
    fprintf(sheet->out, "%s%s%s%-*s %s%s", colour, marks[line->mark].text, offset, NAME_WIDTH,
            line->name, value, reset);
    if (line->meaning != NULL) {
        const char *faint = sheet->colour ? FAINT : "";

        if (strlen(value) > VALUE_WIDTH) {
            fprintf(sheet->out, "\n%*s", 8 + NAME_WIDTH, "");
        } else {
            fprintf(sheet->out, "%*s", (int)(VALUE_WIDTH - strlen(value)), "");
        }
        fprintf(sheet->out, " %s%s%s", faint, line->meaning, sheet->colour ? RESET : "");
    }
    fputc('\n', sheet->out);
}

static void put_json(struct sheet *sheet, const struct sheet_line *line, const char *value)
{
    /* Blanks before a name only indent it. */
    json_t *object =
        json_pack("{s:s, s:s}", "name", line->name + strspn(line->name, " "), "value", value);

    if (line->offset != SHEET_NO_OFFSET) {
        json_object_set_new(object, "offset", json_integer(line->offset));
    }
    if (line->meaning != NULL) {
        json_object_set_new(object, "meaning", json_string(line->meaning));
    }
    if (marks[line->mark].name != NULL) {
        json_object_set_new(object, "mark", json_string(marks[line->mark].name));
    }
    json_array_append_new(sheet->lines, object);
}

static void put(struct sheet *sheet, const struct sheet_line *line, const char *raw)
{
    char value[SHEET_VALUE_MAX];

    escape(raw, value);
    if (sheet->root == NULL) {
        put_text(sheet, line, value);
    } else {
        put_json(sheet, line, value);
    }
}

void sheet_line(struct sheet *sheet, const struct sheet_line *line, const char *format, ...)
{
    char value[SHEET_VALUE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    put(sheet, line, value);
}

void sheet_put(struct sheet *sheet, const char *name, const char *meaning, const char *format, ...)
{
    const struct sheet_line line = {.name = name, .offset = SHEET_NO_OFFSET, .meaning = meaning};
    char value[SHEET_VALUE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    put(sheet, &line, value);
}

void sheet_hex(struct sheet *sheet, const struct sheet_line *line, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    char value[SHEET_VALUE_MAX];
    size_t len = 0;

    for (size_t i = 0; i < bytes.len && len + 2 < sizeof(value); i++) {
        value[len++] = digits[bytes.data[i] >> 4];
        value[len++] = digits[bytes.data[i] & 15];
    }
    value[len] = '\0';
    put(sheet, line, value);
}

void sheet_remark(struct sheet *sheet, const char *text)
{
    if (sheet->root == NULL) {
        fprintf(sheet->out, "%s\n", text);
    }
}

int sheet_finish(struct sheet *sheet, struct err *err)
{
    int rc = 0;

    if (sheet->root != NULL) {
        if (json_dumpf(sheet->root, sheet->out, JSON_INDENT(2)) != 0) {
            rc = err_set(err, ERR_IO, "cannot write JSON");
        }
        fputc('\n', sheet->out);
        json_decref(sheet->root);
        sheet->root = NULL;
    }
    if (fflush(sheet->out) != 0 || ferror(sheet->out) != 0) {
        rc = err_set(err, ERR_IO, "cannot write to standard output");
    }
    return rc;
}
