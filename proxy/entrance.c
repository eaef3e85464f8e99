/*
 * Entrance: making sockets and leaving nothing behind, or taking over those of a service manager.
 */
#include "proxy/entrance.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "proxy/activation.h"

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

static int entrance_bind(struct entrance *entrance, const struct entrance_options *options,
                         struct err *err)
{
    const struct sockets_listen_options listening = {.backlog = ENTRANCE_BACKLOG,
                                                     .mode = options->mode};
    bool has_file = sockets_family(&options->address) == AF_UNIX;

    if (has_file && entrance_clear(&options->address, err) != 0) {
        return -1;
    }
    entrance->fd = sockets_listen(&options->address, &listening, err);
    if (entrance->fd < 0) {
        return -1;
    }
    entrance->address = options->address; /* for the file, if the next fails */
    entrance->made_file = has_file;
    return sockets_bound(entrance->fd, &entrance->address, err);
}

/* Takes a descriptor of our own: the one that was handed over stays for a later reload. */
static int entrance_take_over(struct entrance *entrance, const char *name, struct err *err)
{
    const struct activation activation = activation_from_environment();
    int fd = activation_find(&activation, (long)getpid(), name, err);
    int accepts = 0;
    int kind = 0;
    socklen_t len = sizeof(int);

    if (fd < 0) {
        return -1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) != 0 || accepts == 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &len) != 0 || kind != SOCK_STREAM) {
        return err_set(err, ERR_INVALID, "systemd:%s: no stream socket that listens", name);
    }
    entrance->outlives_us = true;
    entrance->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (entrance->fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(entrance->fd, F_SETFL, fcntl(entrance->fd, F_GETFL) | O_NONBLOCK) != 0) {
        return err_set_errno(err, ERR_IO, errno, "systemd:%s", name);
    }
    return sockets_bound(entrance->fd, &entrance->address, err);
}

/* What the settings could not know of a socket that they only name. */
static int entrance_judge(const struct entrance *entrance, const struct entrance_options *options,
                          struct err *err)
{
    const struct sockets_address *address = &entrance->address;
    char text[SOCKETS_TEXT_CAP] = "";

    sockets_format(address, text);
    if (!sockets_is_ip(address) && sockets_family(address) != AF_UNIX &&
        sockets_family(address) != AF_VSOCK) {
        return err_set(err, ERR_INVALID, "a socket of a family that is not supported");
    }
    if (options->local_only && !sockets_is_local(address)) {
        return err_set(err, ERR_INVALID,
                       "%s is not for this machine alone; that needs insecure_remote_callers = yes",
                       text);
    }
    if (options->resets_only && !sockets_is_ip(address)) {
        return err_set(err, ERR_INVALID, "%s cannot carry a reset: that needs on_truncation = eof",
                       text);
    }
    return 0;
}

int entrance_open(struct entrance *entrance, const struct entrance_options *options,
                  struct err *err)
{
    int rc = -1;

    *entrance = (struct entrance){.fd = -1};
    rc = options->handed_over != NULL ? entrance_take_over(entrance, options->handed_over, err)
                                      : entrance_bind(entrance, options, err);
    if (rc != 0 || entrance_judge(entrance, options, err) != 0) {
        entrance_close(entrance);
        return -1;
    }
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
