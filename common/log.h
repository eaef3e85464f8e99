/*
 * Log: one event a line, on standard error: `TIME LEVEL noun.verb key=value ...`, or the same as
 * one JSON object.
 *
 * Facts go in keys, not prose.  Never a key, plaintext or evidence; certificates by fingerprint.
 * Text from outside is quoted and escaped here, so a hostile peer cannot forge a line.
 * Library code does not log: it returns an error, and whoever handles that logs it, once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

enum log_level {
    LOG_ERROR, /* a person must act */
    LOG_WARN,  /* it healed itself */
    LOG_INFO,  /* start, stop, certificate changes, one line per connection */
    LOG_DEBUG, /* state moves */
};

enum log_format { LOG_TEXT, LOG_JSON };

struct log_kv {
    const char *key;
    const char *text; /* NULL: `num` holds the value */
    int64_t num;
};

#define LOG_LINE_CAP 4096 /* what a pipe takes whole */
#define LOG_LINE_MIN 256

/* Process-wide; any thread may call it at any time. */
void log_setup(enum log_level level, enum log_format format);

/* False if a line of this level would be dropped; spares the building of costly values. */
bool log_wants(enum log_level level);

static inline struct log_kv kv_num(const char *key, int64_t num)
{
    return (struct log_kv){.key = key, .num = num};
}

/* `text` is borrowed for the call; NULL is written as an empty text. */
static inline struct log_kv kv_text(const char *key, const char *text)
{
    return (struct log_kv){.key = key, .text = text != NULL ? text : ""};
}

struct log_record {
    enum log_level level;
    int64_t now_ms; /* since 1970 */
    const char *event;
    const struct log_kv *kvs;
    size_t num_kvs;
};

/* Formats one line without its LF into `out`, of at least LOG_LINE_MIN bytes.  Returns its length.
   A key whose value does not fit is left out, and `cut=true` ends the line: it stays well-formed.
 */
size_t log_line(char *out, size_t cap, enum log_format format, const struct log_record *record);

/* Writes one line with a single write(2), or to where the thread's lines go; thread-safe.  Does not
   wait for a reader: a line that a full pipe would not take is lost, and the next one that is
   written is preceded by how many. */
void log_event(enum log_level level, const char *event, const struct log_kv *kvs, size_t num_kvs);

/* Takes a line or two, each with its LF, at most LOG_LINE_CAP bytes in all; false: there is no
 * room. */
typedef bool log_sink(void *arg, const char *line, size_t len);

/* From now on the lines of the calling thread go to `sink`; NULL: to standard error. */
void log_divert(log_sink *sink, void *arg);

/* Writes whole lines, at most LOG_LINE_CAP bytes, to standard error.  False: it would have to
   wait. */
MUST_CHECK bool log_write(const char *lines, size_t len);

/* Lines that were lost since the start. */
uint64_t log_lost(void);

/* log_info("conn.ready", kv_num("conn", id), kv_text("sni", sni)): at least one key. */
#define LOG_EVENT(level, event, ...)                                                               \
    log_event(level, event, (const struct log_kv[]){__VA_ARGS__},                                  \
              sizeof((const struct log_kv[]){__VA_ARGS__}) / sizeof(struct log_kv))
#define log_error(event, ...) LOG_EVENT(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_EVENT(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) LOG_EVENT(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_EVENT(LOG_DEBUG, event, __VA_ARGS__)
