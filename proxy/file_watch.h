/*
 * File_watch: says when one of a few files may have changed.
 *
 * Looks at them on the thread pool, once per interval: that sees what notifications miss (network
 * file systems, a link that is pointed elsewhere, a file that was not there).  What is in them is
 * the caller's business.
 */
#pragma once

#include <stddef.h>

#include <uv.h>

#include "common/compiler.h"

#define FILE_WATCH_MAX 4 /* files */
#define FILE_WATCH_PERIOD_MS 1000

struct file_watch {
    uv_fs_poll_t polls[FILE_WATCH_MAX];
    size_t num; /* whose handles are open */
    void (*on_change)(void *user);
    void (*on_closed)(void *user); /* NULL: not closing */
    void *user;
};

/* Watches `num` files from now on.  -1: out of memory; file_watch_close() is due all the same. */
MUST_CHECK int file_watch_start(struct file_watch *watch, uv_loop_t *loop, const char *const *paths,
                                size_t num, void (*on_change)(void *user), void *user);

/* Closes the handles; `on_closed` follows, from the loop or, if nothing is open, at once. */
void file_watch_close(struct file_watch *watch, void (*on_closed)(void *user));
