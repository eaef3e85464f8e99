/*
 * Confine_files: the ruleset.
 *
 * glibc wraps none of it, and headers may be older than the kernel, so what the kernel's
 * documentation (userspace-api/landlock) numbers is numbered here once more.
 */
#include "proxy/confine_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "common/err.h"
#include "common/log.h"

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHT_IOCTL (UINT64_C(1) << 15) /* ABI 5 */
#define RIGHTS_DEVICE (LANDLOCK_ACCESS_FS_READ_FILE | RIGHT_IOCTL)
#define RIGHTS_SOCKETS (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define RIGHTS_REQUESTS                                                                            \
    (RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                   \
     LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define SCOPE_SIGNAL (UINT64_C(1) << 1) /* ABI 6 */

/* What each version knows of rights to files: all of them are taken away. */
static const uint64_t rights_by_abi[] = {
    [1] = (1U << 13) - 1, [2] = (1U << 14) - 1 /* refer */, [3] = (1U << 15) - 1 /* truncate */,
    [4] = (1U << 15) - 1, [5] = (1U << 16) - 1 /* ioctl */,
};
#define ABI_KNOWN 5

/* struct landlock_ruleset_attr of ABI 6. */
struct ruleset_attr {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

/* What glibc reads for a look-up, with the modules that nsswitch.conf may name. */
static const char *const name_paths[] = {
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
};

/* For the metrics of the process; what libuv keeps open for when descriptors run out; what jansson
   takes the seed of its tables from. */
static const char *const own_paths[] = {"/proc/self", "/dev/null", "/dev/urandom"};

struct ruleset {
    int fd;
    uint64_t rights; /* handled */
};

/* Admits what is below a folder, or one file.  What is not there is no error: returns false. */
static bool admit(const struct ruleset *ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & ruleset->rights};
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    bool admitted = false;

    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &info) == 0) {
        if (!S_ISDIR(info.st_mode)) {
            rule.allowed_access &= RIGHTS_DEVICE;
        }
        rule.parent_fd = fd;
        admitted =
            syscall(SYS_landlock_add_rule, ruleset->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    }
    close(fd);
    return admitted;
}

/* Admits the folder that `path` lies in, or only `path` if that is the root of all. */
static bool admit_folder_of(const struct ruleset *ruleset, const char *path, uint64_t rights)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');

    if (slash == path) {
        return admit(ruleset, path, rights);
    }
    if (slash != NULL) {
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    }
    return admit(ruleset, folder, rights);
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void admit_read(const struct ruleset *ruleset, const char *path)
{
    char target[PATH_MAX];
    bool folder = is_folder(path);
    bool admitted =
        folder ? admit(ruleset, path, RIGHTS_READ) : admit_folder_of(ruleset, path, RIGHTS_READ);

    if (!folder && realpath(path, target) != NULL) {
        admitted = admit_folder_of(ruleset, target, RIGHTS_READ) && admitted;
    }
    if (!admitted) {
        log_warn("sandbox.missing", kv_text("path", path),
                 kv_text("effect", "cannot be read, not even when it appears"));
    }
}

/* A resolver's file may be a link into a folder of whoever writes it; /etc itself holds too much.
 */
static void admit_names(const struct ruleset *ruleset)
{
    for (size_t i = 0; i < sizeof(name_paths) / sizeof(name_paths[0]); i++) {
        (void)admit(ruleset, name_paths[i], RIGHTS_READ);
    }
    (void)admit(ruleset, "/etc/resolv.conf", RIGHTS_READ);
}

static void admit_all(const struct ruleset *ruleset, const struct confine_files_options *options)
{
    for (size_t i = 0; i < options->num_read; i++) {
        admit_read(ruleset, options->read[i]);
    }
    for (size_t i = 0; i < options->num_sockets; i++) {
        if (is_folder(options->sockets[i])) {
            (void)admit(ruleset, options->sockets[i], RIGHTS_SOCKETS);
        } else {
            (void)admit_folder_of(ruleset, options->sockets[i], RIGHTS_SOCKETS);
        }
    }
    if (options->requests != NULL) {
        (void)admit(ruleset, options->requests, RIGHTS_REQUESTS); /* whoever needs it will say so */
    }
    for (size_t i = 0; i < sizeof(own_paths) / sizeof(own_paths[0]); i++) {
        (void)admit(ruleset, own_paths[i], RIGHTS_READ);
    }
    if (options->device != NULL) {
        (void)admit(ruleset, options->device, RIGHTS_DEVICE);
    }
    admit_names(ruleset);
}

int confine_files(const struct confine_files_options *options, int *out_abi, struct err *err)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset ruleset = {.fd = -1};
    struct ruleset_attr attr = {0};
    int rc = 0;

    if (abi <= 0) {
        *out_abi = 0;
        return 0;
    }
    ruleset.rights = rights_by_abi[abi < ABI_KNOWN ? abi : ABI_KNOWN];
    attr.handled_fs = ruleset.rights;
    attr.scoped = abi >= 6 ? SCOPE_SIGNAL : 0;
    ruleset.fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
                              abi >= 6 ? sizeof(attr) : sizeof(attr.handled_fs), 0);
    if (ruleset.fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "landlock_create_ruleset");
    }
    admit_all(&ruleset, options);
    if (syscall(SYS_landlock_restrict_self, ruleset.fd, 0) != 0) {
        rc = err_set_errno(err, ERR_IO, errno, "landlock_restrict_self");
    }
    close(ruleset.fd);
    if (rc == 0) {
        *out_abi = (int)abi;
    }
    return rc;
}
