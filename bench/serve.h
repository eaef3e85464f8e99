/*
 * Serve: the application behind a sidecar: answers frames and HTTP requests, and keeps a log of
 * them if it is told to.
 *
 * A request of the log is answered once it is on the disk; those that came together share one
 * fdatasync().  No TLS and no limits: it trusts its callers.
 */
#pragma once

#include <stdint.h>

#include <uv.h>

#include "common/compiler.h"
#include "common/sockets.h"

struct err;
struct serve; /* opaque */

/* Listens on `address`; `log_path` NULL: no log, else a file that is appended to.  `loop` must
   outlive it.  NULL: ERR_IO, ERR_LIMIT. */
struct serve *serve_start(uv_loop_t *loop, const struct sockets_address *address,
                          const char *log_path, struct err *err);

/* What it is bound to. */
struct sockets_address serve_address(const struct serve *serve);

/* Closes everything; the last close callback frees it. */
void serve_stop(struct serve *serve);
