/*
 * Log: formatting and writing of event lines.
 */
#include "common/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level threshold = LOG_INFO;
static enum log_format line_format = LOG_TEXT;

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
};

static void put(struct line *line, const char *format, ...) PRINTF(2, 3);

static void put(struct line *line, const char *format, ...)
{
    size_t room = line->cap - line->len;
    va_list args;
    int len = 0;

    va_start(args, format);
    len = vsnprintf(line->text + line->len, room + 1, format, args);
    va_end(args);
    if (len > 0) {
        line->len += (size_t)len < room ? (size_t)len : room;
    }
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

static void put_text_line(struct line *line, const struct log_kv *kvs, size_t num_kvs)
{
    for (size_t i = 0; i < num_kvs; i++) {
        put(line, " %s=", kvs[i].key);
        if (kvs[i].text == NULL) {
            put(line, "%" PRId64, kvs[i].num);
        } else if (is_bare(kvs[i].text)) {
            put(line, "%s", kvs[i].text);
        } else {
            put_quoted(line, kvs[i].text);
        }
    }
}

static void put_json_line(struct line *line, const struct log_kv *kvs, size_t num_kvs)
{
    for (size_t i = 0; i < num_kvs; i++) {
        put(line, ",\"%s\":", kvs[i].key);
        if (kvs[i].text == NULL) {
            put(line, "%" PRId64, kvs[i].num);
        } else {
            put_quoted(line, kvs[i].text);
        }
    }
    put(line, "}");
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

size_t log_line(char *out, size_t cap, enum log_format format, enum log_level level, int64_t now_ms,
                const char *event, const struct log_kv *kvs, size_t num_kvs)
{
    struct line line = {.text = out, .len = 0, .cap = cap - 1};

    if (format == LOG_JSON) {
        put(&line, "{\"time\":\"");
        put_time(&line, now_ms);
        put(&line, "\",\"level\":\"%s\",\"event\":\"%s\"", level_names[level], event);
        put_json_line(&line, kvs, num_kvs);
    } else {
        put_time(&line, now_ms);
        put(&line, " %s %s", level_names[level], event);
        put_text_line(&line, kvs, num_kvs);
    }
    return line.len;
}

void log_event(enum log_level level, const char *event, const struct log_kv *kvs, size_t num_kvs)
{
    char text[LOG_LINE_CAP];
    struct timespec now;
    size_t len = 0;

    if (!log_wants(level)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    len = log_line(text, sizeof(text) - 1, line_format, level,
                   (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, event, kvs, num_kvs);
    text[len] = '\n';
    if (write(STDERR_FILENO, text, len + 1) < 0) {
        return; /* nobody is left to tell */
    }
}
