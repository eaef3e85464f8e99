/*
 * File: whole regular files in and out.  Blocks; never for the event loop's hot path.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

/* Reads all of a regular file of at most `max` bytes into a new allocation with a NUL behind it
   (not counted in `out_len`); the caller frees it.  ERR_IO if it cannot be read, ERR_INVALID if it
   is no regular file or too long. */
MUST_CHECK int file_read(const char *path, size_t max, uint8_t **out_data, size_t *out_len,
                         struct err *err);

/* As file_read(), of all that comes from an open descriptor of any kind, for which `name` stands in
   messages.  Waits for its end, which may never come: for descriptors that the caller trusts to
   have one. */
MUST_CHECK int file_read_stream(int fd, const char *name, size_t max, uint8_t **out_data,
                                size_t *out_len, struct err *err);

/* Writes a new file with permission bits `mode`; ERR_IO if it already exists or cannot be written
   (nothing is left behind then).  The bytes, if not yet the name, are on disk when this returns. */
MUST_CHECK int file_create(const char *path, unsigned mode, const void *data, size_t len,
                           struct err *err);

/* As file_create(), but replaces an existing regular file in one step; ERR_INVALID if it is a
   device, a pipe or a link. */
MUST_CHECK int file_replace(const char *path, unsigned mode, const void *data, size_t len,
                            struct err *err);
