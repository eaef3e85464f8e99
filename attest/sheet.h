/*
 * Sheet: what the operator's tool found, as sections of named values, for people or as JSON.
 *
 * It lays out and escapes; it knows nothing of what it shows.  Whatever is not printable ASCII is
 * shown as \xNN, so that hostile evidence cannot drive a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;

#define SHEET_VALUE_MAX 1024 /* bytes of one value; longer ones are cut */
#define SHEET_NO_OFFSET (-1)

enum sheet_mark {
    SHEET_PLAIN,
    SHEET_GOOD,
    SHEET_NOTE,   /* worth a look */
    SHEET_DANGER, /* takes protection away */
};

struct sheet {
    FILE *out;     /* borrowed */
    bool colour;   /* text only */
    json_t *root;  /* NULL: text */
    json_t *lines; /* of the section in hand; borrowed from root */
};

struct sheet_line {
    const char *name;
    int offset; /* in the bytes described, or SHEET_NO_OFFSET */
    enum sheet_mark mark;
    const char *meaning; /* printable; NULL: none */
};

/* Starts a sheet on `out`, with colours if that is a terminal and NO_COLOR is not set.  ERR_LIMIT
 * if there is no memory (JSON only). */
MUST_CHECK int sheet_init(struct sheet *sheet, FILE *out, bool json, struct err *err);

void sheet_section(struct sheet *sheet, const char *format, ...) PRINTF(2, 3);

/* One value. */
void sheet_line(struct sheet *sheet, const struct sheet_line *line, const char *format, ...)
    PRINTF(3, 4);

/* One plain value without an offset; `meaning` may be NULL. */
void sheet_put(struct sheet *sheet, const char *name, const char *meaning, const char *format, ...)
    PRINTF(4, 5);

/* One value in hexadecimal. */
void sheet_hex(struct sheet *sheet, const struct sheet_line *line, struct bytes bytes);

/* A remark in the text form; nothing in JSON. */
void sheet_remark(struct sheet *sheet, const char *text);

/* Writes what is left and frees.  ERR_IO if the output could not be written. */
MUST_CHECK int sheet_finish(struct sheet *sheet, struct err *err);
