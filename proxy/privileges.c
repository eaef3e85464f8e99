/*
 * Privileges: set*id(2) and capset(2), which glibc does not wrap.
 */
#include "proxy/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/capability.h>

#include "common/err.h"

static int privileges_find(const struct privileges_options *options, struct passwd *out_user,
                           struct err *err)
{
    const struct passwd *user = NULL;
    const struct group *group = NULL;

    errno = 0;
    user = getpwnam(options->user);
    if (user == NULL) {
        return err_set_errno(err, ERR_INVALID, errno != 0 ? errno : ENOENT, "user %s",
                             options->user);
    }
    *out_user = *user;
    if (options->group == NULL) {
        return 0;
    }
    errno = 0;
    group = getgrnam(options->group);
    if (group == NULL) {
        return err_set_errno(err, ERR_INVALID, errno != 0 ? errno : ENOENT, "group %s",
                             options->group);
    }
    out_user->pw_gid = group->gr_gid;
    return 0;
}

int privileges_uid(const struct privileges_options *options, uint32_t *out_uid, struct err *err)
{
    struct passwd user = {.pw_uid = geteuid()};

    if (options->user != NULL && privileges_find(options, &user, err) != 0) {
        return -1;
    }
    *out_uid = user.pw_uid;
    return 0;
}

/* Whether whoever started us saw to it, and left no way back. */
static bool privileges_are(const struct passwd *user)
{
    uid_t uid[3];
    gid_t gid[3];

    if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (uid[i] != user->pw_uid || gid[i] != user->pw_gid) {
            return false;
        }
    }
    return true;
}

/* The order matters: each step needs what the next takes away. */
int privileges_become(const struct privileges_options *options, struct err *err)
{
    struct passwd user = {.pw_name = NULL};

    if (options->user == NULL) {
        return 0;
    }
    if (privileges_find(options, &user, err) != 0) {
        return -1;
    }
    if (privileges_are(&user)) {
        return 0;
    }
    if (initgroups(options->user, user.pw_gid) != 0 ||
        setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
        prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
        setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0) {
        return err_set_errno(err, ERR_IO, errno, "become user %s", options->user);
    }
    return 0;
}

int privileges_drop(const struct privileges_options *options, struct err *err)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    uint32_t keep = (options->keep_bind ? 1U << CAP_NET_BIND_SERVICE : 0) |
                    (options->keep_net ? 1U << CAP_NET_ADMIN : 0);

    if (syscall(SYS_capget, &head, sets) != 0) {
        return err_set_errno(err, ERR_IO, errno, "capget");
    }
    sets[0].permitted &= keep;
    sets[1].permitted = 0;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, sets) != 0) {
        return err_set_errno(err, ERR_IO, errno, "capset");
    }
    return 0;
}
