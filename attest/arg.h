/*
 * Arg: values of the operator's tool's command line.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

/* Hexadecimal of at most `cap` bytes; the rest of `out` is filled with zeros.  ERR_INVALID if it is
   anything else. */
MUST_CHECK int arg_hex(const char *text, size_t cap, uint8_t *out, size_t *out_len,
                       struct err *err);

/* A hexadecimal number of up to 64 bits, with or without "0x". */
MUST_CHECK int arg_hex_number(const char *text, uint64_t *out_number, struct err *err);

/* A decimal number from 0 to `max`. */
MUST_CHECK int arg_number(const char *text, unsigned max, unsigned *out_number, struct err *err);

/* A time as RFC 3339 has it, "2026-11-25T12:00:00Z" or with "+01:00" at its end; seconds since
   1970. */
MUST_CHECK int arg_time(const char *text, int64_t *out_time, struct err *err);
