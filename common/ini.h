/*
 * Ini: the only reader of INI files.  Every line is checked before inih sees it, since inih splits
 * long lines, joins indented ones, forgets a missing bracket and drops what it does not understand.
 */
#pragma once

#include <stddef.h>

#include "common/compiler.h"

struct err;

#define INI_FILE_MAX 1048576 /* bytes */
#define INI_LINE_MAX 198     /* bytes; inih splits at 199 */
#define INI_NAME_MAX 32      /* bytes of NAME in [kind NAME] */

/* Where a key stands; all text borrowed for the call. */
struct ini_key {
    const char *kind; /* "ca" of [ca], "workload" of [workload NAME] */
    const char *name; /* NAME, or "" */
    const char *key;
    const char *value;
    unsigned line;
};

/* Called for each key, in the order of the file.  -1 with `err` filled stops the parse; the message
   is then wrapped as "FILE:LINE: [section] key: why". */
typedef int ini_on_key(void *user, const struct ini_key *key, struct err *err);

/* Called for each header, so that empty sections are seen.  May be NULL.  Repeated headers are
   refused before this is called. */
typedef int ini_on_section(void *user, const char *kind, const char *name, unsigned line,
                           struct err *err);

struct ini_callbacks {
    ini_on_section *on_section;
    ini_on_key *on_key;
    void *user;
};

/* Reads a regular file of at most INI_FILE_MAX bytes.  Blocks.  ERR_IO, or ERR_INVALID with file,
   line and reason. */
MUST_CHECK int ini_load(const char *path, const struct ini_callbacks *callbacks, struct err *err);

/* As ini_load(), from memory; `name` stands for the file in messages. */
MUST_CHECK int ini_parse_text(const char *name, const char *text, size_t len,
                              const struct ini_callbacks *callbacks, struct err *err);
