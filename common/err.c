/*
 * Err: formatting of error messages.  Pure text; no logging here.
 */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

static void PRINTF(2, 0) format_message(struct err *err, const char *format, va_list args)
{
    int len = vsnprintf(err->msg, sizeof(err->msg), format, args);

    if (len < 0) {
        err->msg[0] = '\0';
    }
}

static void append(struct err *err, const char *text)
{
    size_t len = strlen(err->msg);

    if (snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", text) < 0) {
        err->msg[len] = '\0'; /* one that is too long is cut */
    }
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;

    err->code = code;
    va_start(args, format);
    format_message(err, format, args);
    va_end(args);
    return -1;
}

int err_set_errno(struct err *err, enum err_code code, int errnum, const char *format, ...)
{
    char text[128];
    va_list args;

    err->code = code;
    va_start(args, format);
    format_message(err, format, args);
    va_end(args);
    append(err, strerror_r(errnum, text, sizeof(text)));
    return -1;
}

int err_set_openssl(struct err *err, enum err_code code, const char *format, ...)
{
    unsigned long queued = ERR_get_error();
    const char *reason = ERR_reason_error_string(queued);
    va_list args;

    err->code = code;
    va_start(args, format);
    format_message(err, format, args);
    va_end(args);
    if (queued != 0) {
        append(err, reason != NULL ? reason : "unknown OpenSSL error");
    }
    ERR_clear_error();
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    struct err outer;
    va_list args;

    va_start(args, format);
    format_message(&outer, format, args);
    va_end(args);
    append(&outer, err->msg);
    memcpy(err->msg, outer.msg, sizeof(err->msg));
    return -1;
}
