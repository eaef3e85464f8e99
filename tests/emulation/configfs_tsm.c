/*
 * Configfs_tsm: the kernel's configfs-tsm as a FUSE file system, for machines without it.
 *
 * usage: configfs_tsm MOUNTPOINT MDIR SWITCHES
 *
 * The simulated machine of MDIR signs; request.h says what SWITCHES may name.  Prints "ready" when
 * it is mounted and ends with SIGTERM.  One thread: the kernel, too, has one lock for all reports.
 *
 * A write takes effect when the descriptor is closed, which is a FLUSH here, and whose result is
 * always good; privlevel, a text, at once.  A descriptor keeps what its first read has found.
 */
#define FUSE_USE_VERSION 34

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fuse3/fuse.h>

#include "tests/emulation/request.h"

#define REQUESTS_MAX 16
#define ENDED_BY_SIGNAL 8 /* fuse_main(3) */

struct emulation {
    struct request_world world;
    struct request requests[REQUESTS_MAX];
};

/* An open attribute. */
struct handle {
    struct request *request;
    char name[REQUEST_NAME_CAP]; /* of the request: it may be removed meanwhile */
    enum attribute attribute;
    uint8_t written[REQUEST_INBLOB_MAX];
    size_t written_len;
    bool dirty;
    bool has_read;
    uint8_t data[REQUEST_BLOB_MAX];
    size_t len;
};

static struct emulation *emulation(void)
{
    return fuse_get_context()->private_data;
}

/* Takes PATH apart: a request that there is, and the text behind it. */
static struct request *find(const char *path, const char **out_rest)
{
    size_t len = strcspn(path + 1, "/");

    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &emulation()->requests[i];

        if (len > 0 && strlen(request->name) == len && strncmp(request->name, path + 1, len) == 0) {
            *out_rest = path + 1 + len;
            return request;
        }
    }
    return NULL;
}

static bool find_attribute(const char *path, struct request **out_request,
                           enum attribute *out_attribute)
{
    const char *rest = "";
    struct request *request = find(path, &rest);

    for (enum attribute i = 0; request != NULL && rest[0] == '/' && i < ATTRIBUTES; i++) {
        if (strcmp(rest + 1, request_attribute_name(i)) == 0 &&
            request_attribute_there(&emulation()->world, i)) {
            *out_request = request;
            *out_attribute = i;
            return true;
        }
    }
    return false;
}

static void *on_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
    config->entry_timeout = 0;
    config->attr_timeout = 0;
    config->negative_timeout = 0;
    config->direct_io = 1;
    puts("ready");
    (void)fflush(stdout);
    return fuse_get_context()->private_data;
}

static int on_getattr(const char *path, struct stat *out_stat, struct fuse_file_info *info)
{
    struct request *request = NULL;
    enum attribute attribute = ATTRIBUTES;
    const char *rest = "";

    memset(out_stat, 0, sizeof(*out_stat));
    out_stat->st_uid = getuid();
    out_stat->st_nlink = 1;
    if (find_attribute(path, &request, &attribute)) {
        out_stat->st_mode = S_IFREG | (request_attribute_writable(attribute) ? 0200 : 0400);
        return 0;
    }
    if (strcmp(path, "/") == 0 || (find(path, &rest) != NULL && rest[0] == '\0')) {
        out_stat->st_mode = S_IFDIR | 0755;
        return 0;
    }
    return -ENOENT;
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    if (strcmp(path, "/") == 0) {
        for (size_t i = 0; i < REQUESTS_MAX; i++) {
            const char *name = emulation()->requests[i].name;

            if (name[0] != '\0') {
                fill(buffer, name, NULL, 0, 0);
            }
        }
        return 0;
    }
    for (enum attribute i = 0; i < ATTRIBUTES; i++) {
        if (request_attribute_there(&emulation()->world, i)) {
            fill(buffer, request_attribute_name(i), NULL, 0, 0);
        }
    }
    return 0;
}

static int on_mkdir(const char *path, mode_t mode)
{
    const struct switches *switches = &emulation()->world.switches;
    int errnum = switches_errno(switches, "mkdir");

    if (emulation()->world.num_reports > 0 && switches_number(switches, "gone", 0) != 0) {
        errnum = ENXIO;
    }
    if (errnum != 0) {
        return -errnum;
    }
    if (strchr(path + 1, '/') != NULL || strlen(path + 1) >= REQUEST_NAME_CAP) {
        return -EPERM;
    }
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &emulation()->requests[i];

        if (request->name[0] == '\0') {
            memset(request, 0, sizeof(*request));
            (void)snprintf(request->name, sizeof(request->name), "%s", path + 1);
            switches_log(switches, "mkdir", request->name);
            return 0;
        }
    }
    return -ENOMEM;
}

/* Of a folder that still shows its attributes: they go with it. */
static int on_rmdir(const char *path)
{
    const char *rest = "";
    struct request *request = find(path, &rest);

    if (request == NULL || rest[0] != '\0') {
        return -ENOENT;
    }
    switches_log(&emulation()->world.switches, "rmdir", request->name);
    request->name[0] = '\0';
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    struct request *request = NULL;
    enum attribute attribute = ATTRIBUTES;
    struct handle *handle = NULL;

    if (!find_attribute(path, &request, &attribute)) {
        return -ENOENT;
    }
    handle = calloc(1, sizeof(*handle));
    if (handle == NULL) {
        return -ENOMEM;
    }
    handle->request = request;
    (void)snprintf(handle->name, sizeof(handle->name), "%s", request->name);
    handle->attribute = attribute;
    info->fh = (uintptr_t)handle;
    info->direct_io = 1;
    info->nonseekable = 1;
    return 0;
}

static struct handle *handle_of(const struct fuse_file_info *info)
{
    return (struct handle *)(uintptr_t)info->fh; /* NOLINT(performance-no-int-to-ptr) */
}

static bool is_there(const struct handle *handle)
{
    return strcmp(handle->request->name, handle->name) == 0;
}

static int on_read(const char *path, char *out, size_t cap, off_t offset,
                   struct fuse_file_info *info)
{
    struct request_world *world = &emulation()->world;
    struct handle *handle = handle_of(info);
    size_t piece = (size_t)switches_number(&world->switches, "piece", REQUEST_BLOB_MAX);
    size_t len = 0;

    if (!handle->has_read) {
        int rc = is_there(handle) ? request_read(world, handle->request, handle->attribute,
                                                 handle->data, &handle->len)
                                  : -ENOENT;

        if (rc != 0) {
            return rc;
        }
        handle->has_read = true;
    }
    if ((size_t)offset < handle->len) {
        len = handle->len - (size_t)offset;
    }
    len = len < cap ? len : cap;
    len = len < piece ? len : piece;
    memcpy(out, handle->data + offset, len);
    return (int)len;
}

static int on_write(const char *path, const char *data, size_t len, off_t offset,
                    struct fuse_file_info *info)
{
    struct handle *handle = handle_of(info);

    if (handle->attribute == ATTRIBUTE_PRIVLEVEL) {
        int rc = request_write(&emulation()->world, handle->request, handle->attribute,
                               (const uint8_t *)data, len);

        return rc == 0 ? (int)len : rc;
    }
    if ((size_t)offset != handle->written_len ||
        len > sizeof(handle->written) - handle->written_len) {
        return -EFBIG;
    }
    memcpy(handle->written + handle->written_len, data, len);
    handle->written_len += len;
    handle->dirty = true;
    return (int)len;
}

/* Comes once for each descriptor of an open file; nobody is told what comes of it. */
static int on_flush(const char *path, struct fuse_file_info *info)
{
    struct handle *handle = handle_of(info);

    if (handle->dirty && is_there(handle)) {
        handle->dirty = false;
        (void)request_write(&emulation()->world, handle->request, handle->attribute,
                            handle->written, handle->written_len);
    }
    return 0;
}

static int on_release(const char *path, struct fuse_file_info *info)
{
    free(handle_of(info));
    return 0;
}

/* Of a shell's `>`. */
static int on_truncate(const char *path, off_t len, struct fuse_file_info *info)
{
    return 0;
}

static const struct fuse_operations operations = {
    .init = on_init,
    .getattr = on_getattr,
    .readdir = on_readdir,
    .mkdir = on_mkdir,
    .rmdir = on_rmdir,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .flush = on_flush,
    .release = on_release,
    .truncate = on_truncate,
};

int main(int argc, char **argv)
{
    static struct emulation emulated;
    char single[] = "-s";
    char foreground[] = "-f";
    char options[] = "-ofsname=configfs_tsm,default_permissions,allow_other";
    char *words[] = {argv[0], single, foreground, options, NULL, NULL};
    int rc = 0;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: configfs_tsm MOUNTPOINT MDIR SWITCHES\n");
        return 2;
    }
    words[4] = argv[1];
    emulated.world.machine_dir = argv[2];
    emulated.world.switches.path = argv[3];
    rc = fuse_main(5, words, &operations, &emulated);
    return rc == ENDED_BY_SIGNAL ? 0 : rc;
}
