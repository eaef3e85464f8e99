/*
 * Deny_file: a watcher of the folder, for speed; a timer that has the file looked at every second,
 * for certainty; one that lets a burst of changes settle; and at most one job on the thread pool.
 *
 * No uv_fs_poll_t: started again while its look-up is under way, libuv 1.44 leaves it unclosed.
 */
#include "proxy/deny_file.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "proxy/deny.h"

#define DENY_FILE_POLL_MS 1000
#define DENY_FILE_SETTLE_MS 50 /* whoever does not replace the file in one step may be writing */

/* What tells one state of a file from the next; all zero: there is none. */
struct deny_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct deny_file_job {
    uv_work_t work;
    char *path;
    struct deny_file_stamp stamp; /* of what was read last; then of what is there now */
    bool anyway;                  /* read it, whatever the stamp says */
    bool unchanged;
    struct deny *deny; /* the result; NULL: failed, or unchanged */
    struct err err;
};

struct deny_file {
    uv_loop_t *loop;
    uv_fs_event_t folder;
    uv_timer_t poll;
    uv_timer_t settle;
    unsigned num_handles; /* not closed yet */
    struct deny_file_job job;
    bool working;
    bool superseded; /* what the job at work brings is older than what is in use */
    bool again;      /* changed once more while working */
    bool anyway;     /* the next job reads, whatever the stamp says */
    bool stopping;
    char *path;                   /* NULL: no file */
    struct deny_file_stamp stamp; /* of what was read last */
    struct deny *deny;
    bool retry;         /* the last failure may pass without a change of the file */
    struct err failure; /* the last one */
    struct deny_file_status status;
    deny_file_on_list *on_list;
    void *user;
};

struct deny *deny_file_read(const char *path, struct err *err)
{
    uint8_t *text = NULL;
    size_t len = 0;
    struct deny *deny = NULL;

    if (file_read(path, DENY_TEXT_MAX, &text, &len, err) != 0) {
        return NULL;
    }
    deny = deny_parse((struct bytes){text, len}, err);
    free(text);
    if (deny == NULL) {
        err_wrap(err, "%s", path);
    }
    return deny;
}

static void deny_file_work(uv_work_t *work)
{
    struct deny_file_job *job = work->data;
    struct deny_file_stamp now;
    struct stat info;

    memset(&now, 0, sizeof(now)); /* padding too: it is compared as bytes */
    if (stat(job->path, &info) == 0) {
        now.device = info.st_dev;
        now.inode = info.st_ino;
        now.size = info.st_size;
        now.modified = info.st_mtim;
        now.changed = info.st_ctim;
    }
    job->unchanged = !job->anyway && memcmp(&now, &job->stamp, sizeof(now)) == 0;
    job->stamp = now;
    if (job->unchanged) {
        return;
    }
    job->deny = deny_file_read(job->path, &job->err);
}

static void deny_file_take(struct deny_file *file, struct deny *deny)
{
    file->status.num_ok += deny != NULL ? 1 : 0;
    file->status.ok = true;
    file->status.num_entries = deny_count(deny);
    file->retry = false;
    deny_unref(file->deny);
    file->deny = deny;
}

/* Bad text stays bad until it changes.  Whatever else went wrong may pass: then every look reads,
   and says so once. */
static void deny_file_failed(struct deny_file *file, const struct err *err, bool retry)
{
    bool known = file->retry && retry && strcmp(file->failure.msg, err->msg) == 0;

    file->retry = retry;
    file->failure = *err;
    file->status.ok = false;
    if (!known) {
        file->status.num_failed++;
        log_warn("deny.refused", kv_text("error", err->msg),
                 kv_text("effect", "the list in use stays"));
    }
}

/* What the job has brought. */
static void deny_file_conclude(struct deny_file *file)
{
    struct deny_file_job *job = &file->job;

    if (job->deny == NULL) {
        deny_file_failed(file, &job->err, job->err.code != ERR_INVALID);
        return;
    }
    if (deny_same(job->deny, file->deny)) {
        file->status.ok = true;
        file->retry = false;
        return;
    }
    if (file->on_list(file->user, job->deny, &job->err) != 0) {
        deny_file_failed(file, &job->err, true);
        return;
    }
    deny_file_take(file, job->deny);
    job->deny = NULL;
    log_info("deny.loaded", kv_text("path", file->path),
             kv_num("entries", (int64_t)file->status.num_entries));
}

static void deny_file_finish(struct deny_file *file)
{
    if (file->stopping && file->num_handles == 0 && !file->working) {
        deny_unref(file->deny);
        free(file->path);
        free(file);
    }
}

static void deny_file_begin(struct deny_file *file);

static void deny_file_after_work(uv_work_t *work, int status)
{
    struct deny_file_job *job = work->data;
    struct deny_file *file =
        (struct deny_file *)(void *)((char *)job - offsetof(struct deny_file, job));

    file->working = false;
    if (!file->stopping && status == 0 && !file->superseded && !job->unchanged) {
        file->stamp = job->stamp;
        deny_file_conclude(file);
    }
    deny_unref(job->deny);
    free(job->path);
    *job = (struct deny_file_job){.path = NULL};
    if (file->again && !file->stopping) {
        file->again = false;
        deny_file_begin(file);
    }
    deny_file_finish(file);
}

/* Reads the file, or notes that it must be read once more. */
static void deny_file_begin(struct deny_file *file)
{
    if (file->path == NULL) {
        return;
    }
    if (file->working) {
        file->again = true;
        return;
    }
    file->job = (struct deny_file_job){.work.data = &file->job,
                                       .path = strdup(file->path),
                                       .stamp = file->stamp,
                                       .anyway = file->anyway || file->retry};
    if (file->job.path == NULL ||
        uv_queue_work(file->loop, &file->job.work, deny_file_work, deny_file_after_work) != 0) {
        free(file->job.path);
        deny_file_failed(file, &(struct err){ERR_LIMIT, "out of memory"}, true);
        return;
    }
    file->anyway = false;
    file->superseded = false;
    file->working = true;
}

static void deny_file_on_settled(uv_timer_t *timer)
{
    deny_file_begin(timer->data);
}

/* Not restarted by what comes meanwhile: a busy folder must not put the reading off for ever. */
static void deny_file_changed(struct deny_file *file)
{
    file->anyway = true;
    if (!uv_is_active((uv_handle_t *)&file->settle)) {
        uv_timer_start(&file->settle, deny_file_on_settled, DENY_FILE_SETTLE_MS, 0);
    }
}

static void deny_file_on_folder(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct deny_file *file = handle->data;
    const char *slash = strrchr(file->path, '/');
    const char *own = slash != NULL ? slash + 1 : file->path;

    /* A dot: mounted secrets and config maps change by a link that is so named. */
    if (name == NULL || name[0] == '.' || strcmp(name, own) == 0) {
        deny_file_changed(file);
    }
}

static void deny_file_on_poll(uv_timer_t *timer)
{
    struct deny_file *file = timer->data;

    if (!file->working) {
        deny_file_begin(file);
    }
}

static void deny_file_on_closed(uv_handle_t *handle)
{
    struct deny_file *file = handle->data;

    file->num_handles--;
    deny_file_finish(file);
}

struct deny_file *deny_file_start(uv_loop_t *loop, deny_file_on_list *on_list, void *user,
                                  struct err *err)
{
    struct deny_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        err_set(err, ERR_LIMIT, "deny file: out of memory");
        return NULL;
    }
    file->loop = loop;
    file->on_list = on_list;
    file->user = user;
    file->status.ok = true;
    /* These only fill in the handles. */
    (void)uv_fs_event_init(loop, &file->folder);
    (void)uv_timer_init(loop, &file->poll);
    (void)uv_timer_init(loop, &file->settle);
    file->folder.data = file;
    file->poll.data = file;
    file->settle.data = file;
    file->num_handles = 3;
    return file;
}

/* The folder's watcher may be refused (the system has a bound on them): the timer is enough. */
static void deny_file_arm(struct deny_file *file, char *path)
{
    (void)uv_timer_start(&file->poll, deny_file_on_poll, DENY_FILE_POLL_MS, DENY_FILE_POLL_MS);
    if (uv_fs_event_start(&file->folder, deny_file_on_folder, dirname(path), 0) != 0) {
        log_debug("deny.polled", kv_text("path", file->path));
    }
}

int deny_file_watch(struct deny_file *file, const char *path, struct deny *deny, struct err *err)
{
    char *copies[2] = {NULL, NULL};

    if (path != NULL) {
        copies[0] = strdup(path);
        copies[1] = strdup(path);
        if (copies[0] == NULL || copies[1] == NULL) {
            free(copies[0]);
            free(copies[1]);
            return err_set(err, ERR_LIMIT, "%s: out of memory", path);
        }
    }
    (void)uv_fs_event_stop(&file->folder);
    (void)uv_timer_stop(&file->poll);
    free(file->path);
    file->path = copies[0];
    file->superseded = file->working;
    deny_file_take(file, deny != NULL ? deny_ref(deny) : NULL);
    if (path != NULL) {
        deny_file_arm(file, copies[1]);
        deny_file_changed(file); /* it may have changed since it was read */
    }
    free(copies[1]);
    return 0;
}

const struct deny_file_status *deny_file_status(const struct deny_file *file)
{
    return &file->status;
}

void deny_file_stop(struct deny_file *file)
{
    if (file == NULL) {
        return;
    }
    file->stopping = true;
    if (file->working) {
        (void)uv_cancel((uv_req_t *)&file->job.work); /* works only if it has not begun */
    }
    uv_close((uv_handle_t *)&file->folder, deny_file_on_closed);
    uv_close((uv_handle_t *)&file->poll, deny_file_on_closed);
    uv_close((uv_handle_t *)&file->settle, deny_file_on_closed);
}
