/*
 * Input: what the operator names on the command line to be read: a file, or "-", standard input.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

/* As file_read().  Of standard input no more than `max` bytes are read, but it is waited for. */
MUST_CHECK int input_read(const char *path, size_t max, uint8_t **out_data, size_t *out_len,
                          struct err *err);
