/*
 * File_watch: one handle of libuv's for each file.
 */
#include "proxy/file_watch.h"

#include <assert.h>

static void on_poll(uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *now)
{
    struct file_watch *watch = poll->data;

    watch->on_change(watch->user);
}

int file_watch_start(struct file_watch *watch, uv_loop_t *loop, const char *const *paths,
                     size_t num, void (*on_change)(void *user), void *user)
{
    assert(num <= FILE_WATCH_MAX);
    *watch = (struct file_watch){.on_change = on_change, .user = user};
    for (size_t i = 0; i < num; i++) {
        uv_fs_poll_t *poll = &watch->polls[i];

        if (uv_fs_poll_init(loop, poll) != 0) {
            return -1;
        }
        poll->data = watch;
        watch->num++;
        if (uv_fs_poll_start(poll, on_poll, paths[i], FILE_WATCH_PERIOD_MS) != 0) {
            return -1;
        }
    }
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct file_watch *watch = handle->data;

    if (--watch->num == 0) {
        watch->on_closed(watch->user);
    }
}

void file_watch_close(struct file_watch *watch, void (*on_closed)(void *user))
{
    size_t num = watch->num;

    watch->on_closed = on_closed;
    for (size_t i = 0; i < num; i++) {
        uv_close((uv_handle_t *)&watch->polls[i], on_poll_closed);
    }
    if (num == 0) {
        on_closed(watch->user);
    }
}
