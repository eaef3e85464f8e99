/*
 * Log: formatting and writing of event lines.
 */
#include "common/log.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Atomic: a reload may change them while other threads log. */
static _Atomic enum log_level threshold = LOG_INFO;
static _Atomic enum log_format line_format = LOG_TEXT;

/* Lines that nobody took: all of them, and those not yet told of. */
static _Atomic uint64_t num_lost;
static _Atomic uint64_t num_untold;

static _Thread_local log_sink *thread_sink;
static _Thread_local void *thread_sink_arg;

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

struct line {
    char *text;
    size_t len;
    size_t cap; /* without the NUL */
    bool full;  /* something did not fit */
};

#define TAIL_CAP 16 /* room kept for what ends a line that was cut */

static void put(struct line *line, const char *format, ...) PRINTF(2, 3);

static void put(struct line *line, const char *format, ...)
{
    size_t room = line->cap - line->len;
    va_list args;
    int len = 0;

    va_start(args, format);
    len = vsnprintf(line->text + line->len, room + 1, format, args);
    va_end(args);
    if (len < 0 || (size_t)len > room) {
        line->full = true;
        return;
    }
    line->len += (size_t)len;
}

static bool is_bare(const char *text)
{
    if (*text == '\0') {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '=') {
            return false;
        }
    }
    return true;
}

static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            put(line, "\\%c", *c);
        } else if (*c < 0x20 || *c > 0x7e) {
            put(line, "\\u%04x", *c); /* byte by byte: the text may not be UTF-8 at all */
        } else {
            put(line, "%c", *c);
        }
    }
    put(line, "\"");
}

static void put_time(struct line *line, int64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char text[32];

    gmtime_r(&seconds, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    put(line, "%s.%03dZ", text, (int)(now_ms % 1000));
}

static void put_text_kv(struct line *line, const struct log_kv *kv)
{
    put(line, " %s=", kv->key);
    if (kv->text == NULL) {
        put(line, "%" PRId64, kv->num);
    } else if (is_bare(kv->text)) {
        put(line, "%s", kv->text);
    } else {
        put_quoted(line, kv->text);
    }
}

static void put_json_kv(struct line *line, const struct log_kv *kv)
{
    put(line, ",\"%s\":", kv->key);
    if (kv->text == NULL) {
        put(line, "%" PRId64, kv->num);
    } else {
        put_quoted(line, kv->text);
    }
}

void log_setup(enum log_level level, enum log_format format)
{
    threshold = level;
    line_format = format;
}

bool log_wants(enum log_level level)
{
    return level <= threshold;
}

size_t log_line(char *out, size_t cap, enum log_format format, const struct log_record *record)
{
    struct line line = {.text = out, .cap = cap - 1 - TAIL_CAP};
    bool json = format == LOG_JSON;
    bool cut = false;

    assert(cap >= LOG_LINE_MIN);
    put(&line, json ? "{\"time\":\"" : "");
    put_time(&line, record->now_ms);
    put(&line, json ? "\",\"level\":\"%s\",\"event\":\"%s\"" : " %s %s", level_names[record->level],
        record->event);
    for (size_t i = 0; i < record->num_kvs; i++) {
        size_t before = line.len;

        (json ? put_json_kv : put_text_kv)(&line, &record->kvs[i]);
        if (line.full) {
            line.len = before;
            line.full = false;
            cut = true;
        }
    }
    line.cap += TAIL_CAP;
    if (cut) {
        put(&line, json ? ",\"cut\":true" : " cut=true");
    }
    put(&line, json ? "}" : "");
    return line.len;
}

void log_divert(log_sink *sink, void *arg)
{
    thread_sink = sink;
    thread_sink_arg = arg;
}

/* Whoever reads our standard error may stop doing so.  A pipe that poll calls writable has room for
   a page, which is no less than a line. */
static bool would_block(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 0;
}

bool log_write(const char *lines, size_t len)
{
    assert(len <= LOG_LINE_CAP);
    if (would_block()) {
        return false;
    }
    if (write(STDERR_FILENO, lines, len) < 0) {
        return true; /* nobody is left to tell */
    }
    return true;
}

/* Appends a line with its LF to `text`, of LOG_LINE_CAP bytes; returns the new length. */
static size_t append(char *text, size_t len, const struct log_record *record)
{
    len += log_line(text + len, LOG_LINE_CAP - 1 - len, line_format, record);
    text[len] = '\n';
    return len + 1;
}

void log_event(enum log_level level, const char *event, const struct log_kv *kvs, size_t num_kvs)
{
    struct log_record record = {.level = level, .event = event, .kvs = kvs, .num_kvs = num_kvs};
    char text[LOG_LINE_CAP];
    struct timespec now;
    uint64_t untold = 0;
    size_t len = 0;
    bool taken = false;

    if (!log_wants(level)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    record.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    untold = atomic_exchange(&num_untold, 0);
    if (untold > 0) { /* in one piece with the line, so that both are taken or neither */
        const struct log_kv lines = kv_num("lines", (int64_t)untold);

        len = append(text, 0, &(struct log_record){LOG_WARN, record.now_ms, "log.lost", &lines, 1});
    }
    len = append(text, len, &record);
    taken = thread_sink != NULL ? thread_sink(thread_sink_arg, text, len) : log_write(text, len);
    if (!taken) {
        atomic_fetch_add(&num_untold, untold + 1);
        atomic_fetch_add(&num_lost, 1);
    }
}

uint64_t log_lost(void)
{
    return atomic_load(&num_lost);
}
