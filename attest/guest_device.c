/*
 * Guest device: which requests are made, what each of their results means, and what of an answer is
 * believed.
 *
 * The driver talks to the secure processor through messages that the host carries, numbered and
 * encrypted with a key of its own (VMPCK).  Whenever it cannot tell what became of a message it
 * wipes the key, since to use a number twice would betray it.  So after almost any failure
 * there is nothing to be tried again.
 */
#include "attest/guest_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/report.h"
#include "attest/report_errno.h"
#include "attest/table.h"
#include "common/err.h"

/* Tables seen in the wild, three certificates, have 5 to 7 KB. */
#define FIRST_ROOM (2 * SEV_GUEST_PAGE)
#define INTERRUPTIONS_MAX 8
#define VMPL_MAX 3

/* One collection. */
struct inquiry {
    const struct guest_device *device;
    const struct blobs_options *options;
    struct sev_guest_ext_request request;
    struct sev_guest_response response;
    uint8_t certs[SEV_GUEST_CERTS_MAX];
    size_t room; /* of `certs`, in the last call for them */
    int errnum;  /* of the last call */
    uint64_t exitinfo2;
    bool late; /* the turn of the last call did not come, for this reason: */
    struct err turn;
};

static void inquiry_begin(struct inquiry *inquiry, const struct guest_device *device,
                          const struct blobs_options *options,
                          const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN])
{
    memset(inquiry, 0, sizeof(*inquiry)); /* padding too: the firmware wants zeros */
    inquiry->device = device;
    inquiry->options = options;
    memcpy(inquiry->request.report.user_data, report_data, EVIDENCE_REPORT_DATA_LEN);
    inquiry->request.report.vmpl = options->vmpl;
}

/* One request of the driver; false, and the reason in `inquiry`, if it failed. */
static bool inquiry_call(struct inquiry *inquiry, unsigned long number)
{
    const struct guest_device *device = inquiry->device;
    const struct blobs_options *options = inquiry->options;
    struct sev_guest_call call;

    inquiry->exitinfo2 = 0;
    inquiry->late = pace_begin(options->pace, &options->patience, &inquiry->turn) != 0;
    if (inquiry->late) {
        return false;
    }
    for (unsigned i = 0; i < INTERRUPTIONS_MAX; i++) {
        memset(&call, 0, sizeof(call));
        call.msg_version = 1;
        call.req_data = (uintptr_t)&inquiry->request; /* the longer begins with the shorter */
        call.resp_data = (uintptr_t)&inquiry->response;
        inquiry->errnum = device->answer(device->context, number, &call);
        if (inquiry->errnum != EINTR) {
            break;
        }
    }
    pace_end(options->pace);
    if (inquiry->errnum == EIO) { /* old kernels leave garbage there otherwise */
        inquiry->exitinfo2 = call.exitinfo2;
    }
    return inquiry->errnum == 0;
}

static bool inquiry_call_extended(struct inquiry *inquiry, size_t room)
{
    inquiry->room = room;
    inquiry->request.certs_address = (uintptr_t)inquiry->certs;
    inquiry->request.certs_len = (uint32_t)room;
    return inquiry_call(inquiry, SEV_GUEST_GET_EXT_REPORT);
}

static bool was_too_small(const struct inquiry *inquiry)
{
    return inquiry->exitinfo2 == SEV_GUEST_TOO_SMALL;
}

/* Room that the driver takes, and more than there was: the host says how much. */
static bool is_room(size_t len, size_t before)
{
    return len > before && len <= SEV_GUEST_CERTS_MAX && len % SEV_GUEST_PAGE == 0;
}

/* True if a request without certificates may do better: nothing has been lost, and it is only the
   certificates, or this kind of request, that cannot be had.  A driver that has no key says the
   same as one that does not know the request. */
static bool may_do_without(const struct inquiry *inquiry)
{
    return !inquiry->late &&
           (was_too_small(inquiry) || inquiry->errnum == EINVAL || inquiry->errnum == ENOTTY);
}

/* The report, with the certificates that the host has if they can be had: otherwise nothing has
   written to `certs`. */
static bool inquiry_run(struct inquiry *inquiry)
{
    bool done = inquiry_call_extended(inquiry, FIRST_ROOM);

    if (!done && was_too_small(inquiry) && is_room(inquiry->request.certs_len, FIRST_ROOM)) {
        done = inquiry_call_extended(inquiry, inquiry->request.certs_len);
    }
    if (!done && may_do_without(inquiry)) {
        done = inquiry_call(inquiry, SEV_GUEST_GET_REPORT);
    }
    return done;
}

static int explain_call(const struct inquiry *inquiry, struct err *err)
{
    const char *name = inquiry->device->name;

    if (inquiry->late && inquiry->errnum != ENOTTY) { /* else another call would say the same */
        *err = inquiry->turn;
        return -1;
    }
    switch (inquiry->errnum) {
    case EIO:
        return err_set(err, ERR_IO,
                       "%s: host or firmware failed (host error %#x, firmware error %#x): the "
                       "driver wipes its key then, and only a reboot helps",
                       name, (uint32_t)(inquiry->exitinfo2 >> 32), (uint32_t)inquiry->exitinfo2);
    case EINVAL:
        return err_set(err, ERR_IO, "%s: the driver does not take this form of request", name);
    default:
        return report_errno_of_request(inquiry->errnum, name, err);
    }
}

/* What the firmware itself says of the request. */
static int check_status(const struct inquiry *inquiry, struct err *err)
{
    const struct sev_guest_response *response = &inquiry->response;
    const char *name = inquiry->device->name;

    switch (response->status) {
    case SEV_GUEST_STATUS_GOOD:
        break;
    case SEV_GUEST_STATUS_PARAMETER:
        return err_set(err, ERR_INVALID,
                       "%s: the firmware refuses the request (status 0x16): VMPL %u is below ours",
                       name, inquiry->request.report.vmpl);
    case SEV_GUEST_STATUS_NO_KEY:
        return err_set(err, ERR_IO,
                       "%s: the firmware has no key to sign with (status 0x27): the host has "
                       "loaded no VLEK, or has forbidden the VCEK",
                       name);
    default:
        return err_set(err, ERR_IO, "%s: the firmware refuses the request (status %#x)", name,
                       response->status);
    }
    if (response->report_size != REPORT_LEN) {
        return err_set(err, ERR_IO, "%s: the report has %u bytes instead of %d", name,
                       response->report_size, REPORT_LEN);
    }
    return 0;
}

/* How much of the room is table: up to the end of its last body.  All of one that is malformed, so
   that whoever judges it sees what is wrong. */
static size_t table_extent(struct bytes blob)
{
    struct table table;
    size_t entry = 0;
    size_t end = 0;

    if (!table_over(blob, &table) || table_check_entries(&table, &entry) != NULL ||
        table_check_ranges(&table, &entry) != NULL) {
        return blob.len;
    }
    for (size_t i = 0; i < table.num_entries; i++) {
        struct bytes body = table_body(&table, i);
        size_t body_end = body.data != NULL ? (size_t)(body.data - blob.data) + body.len : 0;

        end = body_end > end ? body_end : end;
    }
    return end; /* no entry, or none with a body: no certificates */
}

static void fill(const struct inquiry *inquiry, struct blobs *blobs)
{
    memset(blobs, 0, sizeof(*blobs));
    memcpy(blobs->outblob, inquiry->response.report, REPORT_LEN);
    blobs->outblob_len = REPORT_LEN;
    blobs->auxblob_len = table_extent((struct bytes){inquiry->certs, inquiry->room});
    memcpy(blobs->auxblob, inquiry->certs, blobs->auxblob_len);
}

int guest_device_ask(const struct guest_device *device, const struct blobs_options *options,
                     const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                     struct blobs *out_blobs, struct err *err)
{
    int rc = -1;
    struct inquiry *inquiry = NULL;
    struct blobs *blobs = NULL;

    if (options->vmpl > VMPL_MAX) {
        return err_set(err, ERR_INVALID, "VMPL %u: 0 to %d", options->vmpl, VMPL_MAX);
    }
    inquiry = malloc(sizeof(*inquiry));
    blobs = malloc(sizeof(*blobs));
    if (inquiry == NULL || blobs == NULL) {
        err_set(err, ERR_LIMIT, "no memory for a report");
        goto out;
    }
    inquiry_begin(inquiry, device, options, report_data);
    if (!inquiry_run(inquiry)) {
        explain_call(inquiry, err);
        goto out;
    }
    if (check_status(inquiry, err) != 0) {
        goto out;
    }
    fill(inquiry, blobs);
    if (blobs_check(blobs, report_data, options->vmpl, err) != 0) {
        err_wrap(err, "%s", device->name);
        goto out;
    }
    *out_blobs = *blobs;
    rc = 0;
out:
    free(blobs);
    free(inquiry);
    return rc;
}

static int call_driver(void *context, unsigned long number, struct sev_guest_call *call)
{
    const int *fd = context;

    return ioctl(*fd, number, call) == 0 ? 0 : errno;
}

/* The descriptor, or -1. */
static int open_device(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY); /* the driver asks for no more */
    struct stat info;

    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISCHR(info.st_mode)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
        return err_set(err, ERR_INVALID, "%s: not a device", path);
    }
    switch (errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return err_set(err, ERR_INVALID,
                       "%s: not there: no SEV-SNP guest, or sev-guest is not loaded", path);
    case EACCES:
    case EPERM:
        return err_set(
            err, ERR_INVALID,
            "%s: no permission: it must be readable, and there when the sandbox is entered", path);
    default:
        return err_set_errno(err, ERR_INVALID, errno, "%s", path);
    }
}

const unsigned long *guest_device_ioctls(size_t *out_num)
{
    static const unsigned long ioctls[] = {SEV_GUEST_GET_REPORT, SEV_GUEST_GET_EXT_REPORT};

    *out_num = sizeof(ioctls) / sizeof(ioctls[0]);
    return ioctls;
}

int guest_device_find(const char *path, struct err *err)
{
    int fd = open_device(path, err);

    if (fd < 0) {
        return -1;
    }
    close(fd);
    return 0;
}

int guest_device_collect(const struct blobs_options *options,
                         const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                         struct blobs *out_blobs, struct err *err)
{
    int fd = open_device(options->path, err);
    const struct guest_device device = {
        .name = options->path, .answer = call_driver, .context = &fd};
    int rc = 0;

    if (fd < 0) {
        return -1;
    }
    rc = guest_device_ask(&device, options, report_data, out_blobs, err);
    close(fd);
    return rc;
}
