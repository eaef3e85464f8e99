/*
 * Deny_file: the file that holds the deny list: read on the thread pool whenever it has changed,
 * which is both watched and polled.  Lives on the control thread's loop.
 *
 * A file that is gone or has a bad line changes nothing: the list in use stays, which is logged and
 * counted.  What a list is good for is deny.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct deny;
struct deny_file; /* opaque */
struct err;

struct deny_file_status {
    uint64_t num_ok; /* lists taken since the start, the first one included */
    uint64_t num_failed;
    bool ok;            /* what the file holds is what is in use */
    size_t num_entries; /* in use */
};

/* Another list is here; the callee takes its own reference if it keeps it.  -1: it cannot be used,
   the one before stays. */
typedef int deny_file_on_list(void *user, struct deny *deny, struct err *err);

/* Reads the list at `path`.  "PATH: line 3: why".  NULL on failure.  Blocks. */
struct deny *deny_file_read(const char *path, struct err *err);

/* Nothing is watched yet.  NULL on failure. */
struct deny_file *deny_file_start(uv_loop_t *loop, deny_file_on_list *on_list, void *user,
                                  struct err *err);

/* Watches `path` (copied; NULL: no file, no list) from now on, whose list in use is `deny`
   (referenced).  -1: out of memory, and nothing has changed. */
int deny_file_watch(struct deny_file *file, const char *path, struct deny *deny, struct err *err);

const struct deny_file_status *deny_file_status(const struct deny_file *file);

/* Closes its handles; frees itself in the last close callback.  The loop must run until then. */
void deny_file_stop(struct deny_file *file); /* accepts NULL */
