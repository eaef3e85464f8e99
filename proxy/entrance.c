/*
 * Entrance: making unix sockets, and leaving nothing behind.
 */
#include "proxy/entrance.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"

#define ENTRANCE_BACKLOG 4096

/* Removes the file of a socket where nobody listens any more. */
static int entrance_clear(const struct sockets_address *address, struct err *err)
{
    const char *path = address->u.local.sun_path;
    struct stat file;
    int fd = -1;

    if (lstat(path, &file) != 0) {
        return errno == ENOENT ? 0 : err_set_errno(err, ERR_IO, errno, "%s", path);
    }
    if (!S_ISSOCK(file.st_mode)) {
        return err_set(err, ERR_INVALID, "%s: is there and no socket", path);
    }
    fd = sockets_connect(address);
    if (fd >= 0) {
        close(fd);
        return err_set(err, ERR_IO, "%s: another process listens there", path);
    }
    if (errno != ECONNREFUSED) { /* a full backlog is somebody's, too */
        return err_set_errno(err, ERR_IO, errno, "%s: in use", path);
    }
    return unlink(path) == 0 ? 0 : err_set_errno(err, ERR_IO, errno, "%s: remove", path);
}

int entrance_bind(struct entrance *entrance, const struct sockets_address *address, mode_t mode,
                  struct err *err)
{
    const struct sockets_listen_options options = {.backlog = ENTRANCE_BACKLOG, .mode = mode};

    *entrance = (struct entrance){.fd = -1};
    if (sockets_family(address) == AF_UNIX && entrance_clear(address, err) != 0) {
        return -1;
    }
    entrance->fd = sockets_listen(address, &options, err);
    if (entrance->fd < 0) {
        return -1;
    }
    if (sockets_bound(entrance->fd, &entrance->address, err) != 0) {
        entrance_close(entrance);
        return -1;
    }
    entrance->made_file = sockets_family(address) == AF_UNIX;
    return 0;
}

int entrance_dup(const struct entrance *entrance)
{
    return fcntl(entrance->fd, F_DUPFD_CLOEXEC, 0);
}

void entrance_leave(struct entrance *entrance)
{
    if (entrance->fd >= 0) {
        close(entrance->fd);
        entrance->fd = -1;
    }
}

void entrance_close(struct entrance *entrance)
{
    struct err err;

    entrance_leave(entrance);
    if (entrance->made_file) {
        (void)entrance_clear(&entrance->address, &err); /* another's stays */
        entrance->made_file = false;
    }
}
