/*
 * Arg: strict readers of small values.
 */
#include "attest/arg.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/err.h"

static int hex_value(char character)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *at = character != '\0' ? strchr(digits, character) : NULL;

    return at != NULL ? (int)((at - digits) % 16) : -1;
}

int arg_hex(const char *text, size_t cap, uint8_t *out, size_t *out_len, struct err *err)
{
    size_t len = strlen(text);

    if (len == 0 || len % 2 != 0 || len / 2 > cap) {
        return err_set(err, ERR_INVALID, "need 1 to %zu bytes in hexadecimal", cap);
    }
    for (size_t i = 0; i < len; i++) {
        if (hex_value(text[i]) < 0) {
            return err_set(err, ERR_INVALID, "need hexadecimal digits");
        }
    }
    memset(out, 0, cap);
    for (size_t i = 0; i < len / 2; i++) {
        out[i] = (uint8_t)(16 * hex_value(text[2 * i]) + hex_value(text[2 * i + 1]));
    }
    *out_len = len / 2;
    return 0;
}

int arg_hex_number(const char *text, uint64_t *out_number, struct err *err)
{
    uint64_t number = 0;
    const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    size_t len = strlen(digits);
    bool ok = len > 0 && len <= 16;

    for (size_t i = 0; ok && i < len; i++) {
        int value = hex_value(digits[i]);

        ok = value >= 0;
        number = number << 4 | (unsigned)(ok ? value : 0);
    }
    if (!ok) {
        return err_set(err, ERR_INVALID, "need up to 16 hex digits");
    }
    *out_number = number;
    return 0;
}

int arg_number(const char *text, unsigned max, unsigned *out_number, struct err *err)
{
    unsigned long long number = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 10 || strspn(text, "0123456789") != len) {
        return err_set(err, ERR_INVALID, "need a number from 0 to %u", max);
    }
    for (size_t i = 0; i < len; i++) {
        number = 10 * number + (unsigned long long)(text[i] - '0');
    }
    if (number > max) {
        return err_set(err, ERR_INVALID, "need a number from 0 to %u", max);
    }
    *out_number = (unsigned)number;
    return 0;
}

/* Reads exactly `num` digits and moves behind them; -1 if there are fewer. */
static int digits(const char **at, unsigned num)
{
    int value = 0;

    for (unsigned i = 0; i < num; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return -1;
        }
        value = 10 * value + (**at - '0');
    }
    return value;
}

static int expect(const char **at, const char *characters)
{
    if (**at == '\0' || strchr(characters, **at) == NULL) {
        return -1;
    }
    (*at)++;
    return 0;
}

/* The offset at the end, in seconds east. */
static int read_zone(const char *at, int *out_offset)
{
    int sign = *at == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;

    if (strcmp(at, "Z") == 0) {
        *out_offset = 0;
        return 0;
    }
    if (expect(&at, "+-") != 0 || (hours = digits(&at, 2)) < 0 || hours > 23 ||
        expect(&at, ":") != 0 || (minutes = digits(&at, 2)) < 0 || minutes > 59 || *at != '\0') {
        return -1;
    }
    *out_offset = sign * (hours * 3600 + minutes * 60);
    return 0;
}

int arg_time(const char *text, int64_t *out_time, struct err *err)
{
    const char *at = text;
    struct tm tm = {0};
    struct tm given;
    int offset = 0;

    if ((tm.tm_year = digits(&at, 4) - 1900) < 0 || expect(&at, "-") != 0 ||
        (tm.tm_mon = digits(&at, 2) - 1) < 0 || expect(&at, "-") != 0 ||
        (tm.tm_mday = digits(&at, 2)) < 0 || expect(&at, "Tt") != 0 ||
        (tm.tm_hour = digits(&at, 2)) < 0 || expect(&at, ":") != 0 ||
        (tm.tm_min = digits(&at, 2)) < 0 || expect(&at, ":") != 0 ||
        (tm.tm_sec = digits(&at, 2)) < 0 || read_zone(at, &offset) != 0) {
        return err_set(err, ERR_INVALID, "need a time like 2026-11-25T12:00:00Z");
    }
    /* timegm() carries what is out of range over; such a date does not exist. */
    given = tm;
    *out_time = (int64_t)timegm(&tm) - offset;
    if (tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour ||
        tm.tm_min != given.tm_min || tm.tm_sec != given.tm_sec) {
        return err_set(err, ERR_INVALID, "there is no such time");
    }
    return 0;
}
