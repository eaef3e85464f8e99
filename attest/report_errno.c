/*
 * Report_errno: two tables.  Sentences are short, since a machine without reports says two of them.
 */
#include "attest/report_errno.h"

#include <errno.h>
#include <stddef.h>

#include "common/err.h"

struct meaning {
    int errnum;
    enum err_code code;
    const char *text;
};

// clang-format off
static const struct meaning of_folder[] = {
    {ENOENT, ERR_INVALID, "not there: needs Linux 6.7 with CONFIG_TSM_REPORTS, and configfs mounted"},
    {ENXIO,  ERR_INVALID, "no driver offers reports: load sev-guest; outside a confidential VM there is none"},
    {EACCES, ERR_INVALID, "no permission: its files are root's, or it came after the sandbox"},
    {EPERM,  ERR_INVALID, "not allowed: is this a folder of configfs-tsm?"},
    {EROFS,  ERR_INVALID, "mounted read-only: a container needs it writable"},
    {ENOSYS, ERR_INVALID, "the sandbox does not admit it: this process was started with another platform"},
    {ENOTDIR, ERR_INVALID, "not a folder"},
    {ENOMEM, ERR_IO,      "the kernel is out of memory"},
};

static const struct meaning of_request[] = {
    {EINVAL,    ERR_INVALID, "refused: report data not taken, VMPL below ours, or no key for it"},
    {ENXIO,     ERR_IO,      "the driver is gone, or the firmware answered with an error"},
    {EFBIG,     ERR_IO,      "the answer is longer than the interface allows"},
    {EIO,       ERR_IO,      "host or firmware failed; if the driver has wiped its key, only a reboot helps"},
    {EBADMSG,   ERR_IO,      "the firmware's answer fails its authentication: the host altered or repeated it; the driver wipes its key then"},
    {ETIMEDOUT, ERR_IO,      "the host kept us waiting for a minute; the driver may have wiped its key"},
    {ENOTTY,    ERR_REBOOT,  "reboot needed: the driver has wiped its key to the firmware, and this machine gives no report before it is booted anew"},
    {EBUSY,     ERR_IO,      "busy"},
    {ENOMEM,    ERR_IO,      "the kernel is out of memory"},
    {EACCES,    ERR_INVALID, "no permission"},
};
// clang-format on

static int say(const struct meaning *meanings, size_t num, int errnum, const char *what,
               struct err *err)
{
    for (size_t i = 0; i < num; i++) {
        if (meanings[i].errnum == errnum) {
            return err_set(err, meanings[i].code, "%s: %s", what, meanings[i].text);
        }
    }
    return err_set_errno(err, ERR_IO, errnum, "%s", what);
}

int report_errno_of_folder(int errnum, const char *dir, struct err *err)
{
    return say(of_folder, sizeof(of_folder) / sizeof(of_folder[0]), errnum, dir, err);
}

int report_errno_of_request(int errnum, const char *name, struct err *err)
{
    return say(of_request, sizeof(of_request) / sizeof(of_request[0]), errnum, name, err);
}
