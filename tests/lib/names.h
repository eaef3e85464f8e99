/*
 * Names: a getaddrinfo() that knows what a test told it, in the place of the C library's.
 *
 * A program that links tests_names never asks a name server, nor does libuv in it.
 */
#pragma once

#include <stdbool.h>

/* From now on `name` has these addresses, numeric texts up to NULL, in that order; at most 8. */
void names_set(const char *name, const char *const *addresses);

/* While true, whoever asks for `name` waits; names_set() made it known. */
void names_stall(const char *name, bool stalled);

/* How often `name` was asked for. */
unsigned names_asked(const char *name);
