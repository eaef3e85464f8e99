/*
 * Settings: a table says everything about each key of an INI file; the reader, the defaults,
 * --print-config, the help text and the test of the manual all come from it.
 *
 * Knows how values are written and bounded, not what they are for.  What only holds between keys is
 * checked by the table's `check`.  Nothing changes once loaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/compiler.h"
#include "common/ini.h"

struct err;

#define SETTINGS_LIST_MAX 256  /* items of a list key in one section */
#define SETTINGS_VALUE_CAP 256 /* room for any value or description, with NUL */

/* How a value is written, and what its field is; text ends in NUL, and is NULL if absent. */
enum setting_kind {
    SETTING_PATH,         /* char *: no blanks */
    SETTING_STORED,       /* char *: a path behind the prefix in `choices`, kept without it */
    SETTING_HOST,         /* char *: a host name */
    SETTING_DNS_NAME,     /* char *: the same, in the form that certificates have it */
    SETTING_ADDRESS,      /* char *: IPv4:PORT or [IPv6]:PORT */
    SETTING_LISTEN,       /* char *: an address, unix:/PATH, vsock:CID:PORT or systemd:NAME */
    SETTING_TARGET,       /* char *: an address, unix:/PATH or vsock:CID:PORT, to connect to */
    SETTING_ENDPOINT,     /* char *: HOST:PORT, unix:/PATH or vsock:CID:PORT */
    SETTING_URL,          /* char *: https://HOST:PORT */
    SETTING_ORIGIN,       /* char *: none, or https:// or http:// with HOST or HOST:PORT */
    SETTING_ALPN,         /* char *: protocol names with commas between */
    SETTING_TRUST_DOMAIN, /* char * */
    SETTING_SERVICE,      /* char *: a path as in a SPIFFE ID, without leading slash */
    SETTING_SPIFFE_ID,    /* char * */
    SETTING_HEX,          /* char *: `min` to `max` bytes, two lower-case digits each */
    SETTING_UID,          /* char *: the number of a user */
    SETTING_PREFIX,       /* char *: an address, or a network as ADDRESS/BITS */
    SETTING_NAME,         /* char *: name of a section; a list may have several in a line */
    SETTING_LINE,         /* char *: words with blanks between, e.g. a command */
    SETTING_CHOICE,       /* an enum: index of the word in `choices` */
    SETTING_BOOL,         /* bool: yes or no */
    SETTING_NUMBER,       /* uint64_t; absent: 0 */
    SETTING_FLOOR,        /* struct setting_floor: a number, or absent */
    SETTING_DURATION,     /* uint64_t: milliseconds; with `min` 0, "off" is 0; absent: 0 */
    SETTING_SIZE,         /* uint64_t: bytes; likewise */
};

struct setting_floor {
    bool is_set;
    uint64_t value;
};

/* The field of a list key, whose kind is one of text or choice (kept as its word). */
struct setting_list {
    char **items;
    unsigned *lines; /* where each stands in the file */
    size_t num;
};

#define SETTING_REQUIRED 1U
#define SETTING_LIST 2U
#define SETTING_RESTART 4U /* a reload cannot change it; in a section without name */

/* One row of the table. */
struct setting {
    const char *section; /* kind of section */
    const char *key;
    enum setting_kind kind;
    unsigned flags;
    size_t offset; /* of the field in the section's struct */
    uint64_t min;
    uint64_t max;
    const char *choices;  /* words with '|' between; or the prefix */
    const char *fallback; /* as in a file; NULL: none */
    const char *help;     /* one sentence, without full stop */
};

/* One kind of section.  A named one may occur `max` times, in an array on the heap; its struct
   begins with char name[INI_NAME_MAX + 1]. */
struct setting_section {
    const char *kind;
    size_t offset;       /* in the whole: of the struct, or of the pointer to the array */
    size_t count_offset; /* of the number of sections, a size_t */
    size_t size;         /* of the section's struct */
    size_t max;          /* 0: not named, occurs at most once */
    const char *help;
};

struct settings_source; /* where each key stood, for the messages of `check` */

/* Judges the whole and may complete it; refuses by settings_refuse(). */
typedef int settings_check(void *whole, const struct settings_source *source, struct err *err);

struct settings_table {
    size_t size; /* of the whole struct */
    const struct setting_section *sections;
    size_t num_sections;
    const struct setting *rows;
    size_t num_rows;
    settings_check *check;
};

/* Reads a file into a new whole.  NULL: ERR_INVALID with "FILE:LINE: [section] key: why", or
   ERR_IO.  Blocks. */
void *settings_load(const struct settings_table *table, const char *path, struct err *err);

/* As settings_load(), for a process that runs with `before`: SETTING_RESTART rows must not differ,
   and paths only if it may read them (NULL: any). */
struct settings_running {
    const void *before;
    bool (*may_read)(const char *path);
};
void *settings_load_next(const struct settings_table *table, const char *path,
                         const struct settings_running *running, struct err *err);

/* As settings_load(), from memory; `name` stands for the file in messages. */
void *settings_parse(const struct settings_table *table, const char *name, const char *text,
                     size_t len, struct err *err);
void settings_free(const struct settings_table *table, void *whole); /* accepts NULL */

/* True if the key stands in the file; a fallback does not count.  `name` may be "". */
bool settings_given(const struct settings_source *source, const char *kind, const char *name,
                    const char *key);

/* Fills `err` with "FILE:LINE: [section] key: why" (`kind` NULL: "FILE: why"); returns -1.  The
   line is `line` or, if that is 0, the key's or its section's. */
struct settings_place {
    const char *kind;
    const char *name;
    const char *key;
    unsigned line;
};
int settings_refuse(const struct settings_source *source, const struct settings_place *place,
                    struct err *err, const char *format, ...) PRINTF(4, 5);

/* Writes the effective settings as a file that gives the same whole, and flushes it.  ERR_IO. */
MUST_CHECK int settings_print(const struct settings_table *table, const void *whole, FILE *out,
                              struct err *err);

/* Counts the keys "insecure_..." in use; `found` (may be NULL) hears of each, `name` may be "". */
typedef void settings_insecure_found(const char *section, const char *name, const char *key);
unsigned settings_insecure(const struct settings_table *table, const void *whole,
                           settings_insecure_found *found);

/* Writes each section with its keys: bounds, fallback, help. */
void settings_help(const struct settings_table *table, FILE *out);
