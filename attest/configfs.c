/*
 * Configfs: one request, in the order that the kernel's interface asks for.
 *
 * Happy path: make a folder; read provider, floor and generation; write privlevel, then inblob;
 * read outblob, then auxblob, which belong to one report; see that the generation grew by our
 * writes alone; see that the report is for our report data; remove the folder.
 * The kernel says nothing when it drops what was written: only the report itself is a proof.
 */
#include "attest/configfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "attest/report_errno.h"
#include "common/err.h"

#define FOLDER_PREFIX "liftgate-"
#define NAMES_MAX 8 /* tries at a name that nobody has */
#define TRIES_MAX 3 /* at a report into which nobody else wrote */
#define TEXT_CAP 32
#define PRIVLEVEL_MAX 3

enum attempt { ATTEMPT_FAILED = -1, ATTEMPT_DONE = 0, ATTEMPT_DISTURBED = 1 };

/* Makes a folder of our own in `dir`; its path goes to `out_path`. */
static int make_folder(const char *dir, char out_path[static PATH_MAX], struct err *err)
{
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        uint32_t random = 0;
        int len = 0;

        if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1) {
            return err_set_openssl(err, ERR_LIMIT, "no random name for a request");
        }
        len = snprintf(out_path, PATH_MAX, "%s/" FOLDER_PREFIX "%ld-%08" PRIx32, dir,
                       (long)getpid(), random);
        if (len < 0 || len >= PATH_MAX) {
            return err_set(err, ERR_INVALID, "the path of configfs-tsm is too long");
        }
        if (mkdir(out_path, 0700) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return report_errno_of_folder(errno, dir, err);
        }
    }
    return err_set(err, ERR_IO, "%s: no free name for a request", dir);
}

static int open_attribute(const char *folder, const char *name, int flags)
{
    char path[PATH_MAX + TEXT_CAP];
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    do {
        fd = open(path, flags | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Reads all of an attribute, whose size nobody tells beforehand.  -1: errno says why; EFBIG if it
   is longer than `cap`. */
static int read_attribute(const char *folder, const char *name, uint8_t *out, size_t cap,
                          size_t *out_len)
{
    int fd = open_attribute(folder, name, O_RDONLY);
    uint8_t beyond = 0;
    size_t len = 0;
    int errnum = 0;

    if (fd < 0) {
        return -1;
    }
    for (;;) {
        bool full = len == cap;
        ssize_t num = read(fd, full ? &beyond : out + len, full ? 1 : cap - len);

        if (num == 0) {
            break;
        }
        if (num < 0 && errno == EINTR) {
            continue;
        }
        if (num < 0 || full) {
            errnum = num < 0 ? errno : EFBIG;
            break;
        }
        len += (size_t)num;
    }
    close(fd);
    errno = errnum;
    if (errnum == 0) {
        *out_len = len;
    }
    return errnum == 0 ? 0 : -1;
}

/* One write of all: the kernel takes it as a whole when the descriptor is closed, and the result of
   that says nothing. */
static int write_attribute(const char *folder, const char *name, const void *data, size_t len)
{
    int fd = open_attribute(folder, name, O_WRONLY);
    ssize_t num = -1;
    int errnum = 0;

    if (fd < 0) {
        return -1;
    }
    do {
        num = write(fd, data, len);
    } while (num < 0 && errno == EINTR);
    if (num != (ssize_t)len) {
        errnum = num < 0 ? errno : EIO;
    }
    close(fd);
    errno = errnum;
    return errnum == 0 ? 0 : -1;
}

/* A line of text without its LF. */
static int read_line(const char *folder, const char *name, char out_text[static TEXT_CAP])
{
    size_t len = 0;

    if (read_attribute(folder, name, (uint8_t *)out_text, TEXT_CAP - 1, &len) != 0) {
        return -1;
    }
    len -= len > 0 && out_text[len - 1] == '\n' ? 1 : 0;
    out_text[len] = '\0';
    if (len == 0 || strlen(out_text) != len) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static int read_number(const char *folder, const char *name, unsigned long *out_number)
{
    char text[TEXT_CAP] = "";
    char *end = NULL;
    unsigned long number = 0;

    if (read_line(folder, name, text) != 0) {
        return -1;
    }
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9') {
        errno = EINVAL;
        return -1;
    }
    *out_number = number;
    return 0;
}

static enum attempt attribute_failed(const char *name, struct err *err)
{
    int errnum = errno;

    err_set_errno(err, ERR_IO, errnum, "configfs-tsm: %s", name);
    return errnum == ENOENT ? ATTEMPT_DISTURBED : ATTEMPT_FAILED; /* somebody removed our folder */
}

/* Asks for the privilege level, where there are such.  `*out_level` is what the report must say. */
static enum attempt ask_level(const char *folder, unsigned vmpl, unsigned *out_level,
                              unsigned *num_writes, struct err *err)
{
    unsigned long floor = 0;
    char text[2] = "0";

    if (read_number(folder, "privlevel_floor", &floor) != 0) {
        if (errno != ENOENT) {
            return attribute_failed("privlevel_floor", err);
        }
        if (vmpl != 0) {
            err_set(err, ERR_INVALID, "configfs-tsm: this platform has no privilege level %u",
                    vmpl);
            return ATTEMPT_FAILED;
        }
        *out_level = 0;
        return ATTEMPT_DONE;
    }
    if (floor > PRIVLEVEL_MAX) {
        err_set(err, ERR_IO, "configfs-tsm: privlevel_floor is %lu", floor);
        return ATTEMPT_FAILED;
    }
    *out_level = vmpl > floor ? vmpl : (unsigned)floor;
    text[0] = (char)('0' + *out_level);
    if (write_attribute(folder, "privlevel", text, 1) != 0) {
        return attribute_failed("privlevel", err);
    }
    (*num_writes)++;
    return ATTEMPT_DONE;
}

/* Whether the driver is still there: ENOTTY may mean that, too. */
static int explain_unsupported(const char *dir, struct err *err)
{
    char path[PATH_MAX];

    if (make_folder(dir, path, err) != 0) {
        err->code = ERR_IO;
        return -1;
    }
    (void)rmdir(path);
    return report_errno_of_request(ENOTTY, "configfs-tsm", err);
}

static enum attempt read_blobs(const char *dir, const char *folder, struct blobs *blobs,
                               struct err *err)
{
    const struct {
        const char *name;
        uint8_t *to;
        size_t cap;
        size_t *len;
    } reads[] = {
        {"outblob", blobs->outblob, sizeof(blobs->outblob), &blobs->outblob_len},
        {"auxblob", blobs->auxblob, sizeof(blobs->auxblob), &blobs->auxblob_len},
    };

    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        if (read_attribute(folder, reads[i].name, reads[i].to, reads[i].cap, reads[i].len) == 0) {
            continue;
        }
        if (errno == ENOENT) {
            return attribute_failed(reads[i].name, err);
        }
        if (errno == ENOTTY) {
            explain_unsupported(dir, err);
        } else {
            report_errno_of_request(errno, "configfs-tsm", err);
        }
        return ATTEMPT_FAILED;
    }
    return ATTEMPT_DONE;
}

static enum attempt run_steps(const struct blobs_options *options, const char *folder,
                              const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                              struct blobs *blobs, struct err *err)
{
    char provider[TEXT_CAP] = "";
    unsigned long before = 0;
    unsigned long after = 0;
    unsigned level = 0;
    unsigned num_writes = 0;
    enum attempt attempt = ATTEMPT_DONE;

    if (read_line(folder, "provider", provider) != 0) {
        return attribute_failed("provider", err);
    }
    if (strcmp(provider, "sev_guest") != 0) {
        err_set(err, ERR_INVALID, "configfs-tsm: the provider is %s, not sev_guest", provider);
        return ATTEMPT_FAILED;
    }
    if (read_number(folder, "generation", &before) != 0) {
        return attribute_failed("generation", err);
    }
    attempt = ask_level(folder, options->vmpl, &level, &num_writes, err);
    if (attempt != ATTEMPT_DONE) {
        return attempt;
    }
    if (write_attribute(folder, "inblob", report_data, EVIDENCE_REPORT_DATA_LEN) != 0) {
        return attribute_failed("inblob", err);
    }
    num_writes++;
    attempt = read_blobs(options->path, folder, blobs, err);
    if (attempt != ATTEMPT_DONE) {
        return attempt;
    }
    if (read_number(folder, "generation", &after) != 0) {
        return attribute_failed("generation", err);
    }
    if (after != before + num_writes) {
        err_set(err, ERR_IO, "configfs-tsm: somebody else writes into our requests");
        return ATTEMPT_DISTURBED;
    }
    return blobs_check(blobs, report_data, level, err) == 0 ? ATTEMPT_DONE : ATTEMPT_FAILED;
}

int configfs_find(const char *dir, char out_provider[static CONFIGFS_PROVIDER_CAP], struct err *err)
{
    char folder[PATH_MAX];
    char provider[TEXT_CAP] = "";
    int rc = 0;

    if (make_folder(dir, folder, err) != 0) {
        return -1;
    }
    if (read_line(folder, "provider", provider) != 0) {
        rc = err_set_errno(err, ERR_INVALID, errno, "configfs-tsm: provider");
    }
    (void)rmdir(folder);
    if (rc == 0) {
        (void)snprintf(out_provider, CONFIGFS_PROVIDER_CAP, "%s", provider);
    }
    return rc;
}

/* One request, in its turn and in a folder of its own. */
static enum attempt ask_once(const struct blobs_options *options,
                             const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                             struct blobs *blobs, struct err *err)
{
    enum attempt attempt = ATTEMPT_FAILED;
    char folder[PATH_MAX];

    if (pace_begin(options->pace, &options->patience, err) != 0) {
        return ATTEMPT_FAILED;
    }
    if (make_folder(options->path, folder, err) == 0) {
        attempt = run_steps(options, folder, report_data, blobs, err);
        (void)rmdir(folder); /* what stays is removed by the next start */
    }
    pace_end(options->pace);
    return attempt;
}

int configfs_collect(const struct blobs_options *options,
                     const uint8_t report_data[static EVIDENCE_REPORT_DATA_LEN],
                     struct blobs *out_blobs, struct err *err)
{
    struct blobs *blobs = malloc(sizeof(*blobs));
    enum attempt attempt = ATTEMPT_DISTURBED;

    if (blobs == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for evidence");
    }
    for (unsigned i = 0; i < TRIES_MAX && attempt == ATTEMPT_DISTURBED; i++) {
        attempt = ask_once(options, report_data, blobs, err);
    }
    if (attempt == ATTEMPT_DONE) {
        *out_blobs = *blobs;
    }
    free(blobs);
    return attempt == ATTEMPT_DONE ? 0 : -1;
}

/* The process that made a folder of this name; 0: it is not one of ours. */
static pid_t maker_of(const char *name)
{
    const size_t prefix = strlen(FOLDER_PREFIX);
    char *end = NULL;
    long pid = 0;

    if (strncmp(name, FOLDER_PREFIX, prefix) != 0 || name[prefix] < '1' || name[prefix] > '9') {
        return 0;
    }
    errno = 0;
    pid = strtol(name + prefix, &end, 10);
    return errno == 0 && *end == '-' && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

void configfs_sweep(const char *dir)
{
    DIR *folders = opendir(dir);
    const struct dirent *entry = NULL;

    if (folders == NULL) {
        return;
    }
    while ((entry = readdir(folders)) != NULL) {
        pid_t pid = maker_of(entry->d_name);

        /* In a container the one before us had our number. */
        if (pid == getpid() || (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)) {
            (void)unlinkat(dirfd(folders), entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(folders);
}
