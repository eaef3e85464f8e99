/*
 * Guest device: /dev/sev-guest in user space (CUSE), with a simulated machine behind it.
 *
 * Usage: guest_device MDIR NAME [FAULT...] makes /dev/NAME, until it is stopped; faults as in
 * tests/lib/driver_double.c.  Says `ready`, and a line about each request that it has answered.
 */
#define FUSE_USE_VERSION 31

#include <cuse_lowlevel.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "tests/lib/driver_double.h"

struct device {
    struct driver_double *driver;
    struct driver_exchange exchange;
};

/* What a request takes, each at the caller's address. */
enum part { PART_CALL, PART_REQUEST, PART_RESPONSE, PART_CERTS, PARTS };

struct parts {
    struct iovec iov[PARTS];
    int num;
};

static void add(struct parts *parts, uint64_t address, size_t len)
{
    parts->iov[parts->num++] = (struct iovec){(void *)(uintptr_t)address, len};
}

static size_t request_len(unsigned long number)
{
    return number == SEV_GUEST_GET_EXT_REPORT ? sizeof(struct sev_guest_ext_request)
                                              : sizeof(struct sev_guest_request);
}

/* Everything that is written comes after what is read. */
static void reply(fuse_req_t req, struct device *device, int errnum)
{
    struct driver_exchange *exchange = &device->exchange;
    struct iovec iov[PARTS] = {
        [PART_CALL] = {&exchange->call, sizeof(exchange->call)},
        [PART_REQUEST] = {&exchange->request, request_len(exchange->number)},
        [PART_RESPONSE] = {&exchange->response, sizeof(exchange->response)},
        [PART_CERTS] = {exchange->certs, exchange->certs_len},
    };
    int num = errnum != 0 ? PART_RESPONSE : exchange->certs_len > 0 ? PARTS : PART_CERTS;

    printf("%s vmpl=%u errno=%d calls=%u requests=%u\n",
           exchange->number == SEV_GUEST_GET_EXT_REPORT ? "extended" : "report",
           exchange->request.report.vmpl, errnum, driver_double_calls(device->driver),
           driver_double_requests(device->driver));
    fuse_reply_ioctl_iov(req, -errnum, iov, num); /* fuse_reply_err() would write nothing back */
}

/* Called three times for a request, with more of the caller's memory each time: the kernel fetches
   what the last reply named. */
static void on_ioctl(fuse_req_t req, int number, void *argument, struct fuse_file_info *file,
                     unsigned flags, const void *in, size_t in_len, size_t out_len)
{
    struct device *device = fuse_req_userdata(req);
    struct driver_exchange *exchange = &device->exchange;
    size_t extra = 0;
    struct parts inputs = {.num = 0};
    struct parts outputs = {.num = 0};

    memset(exchange, 0, sizeof(*exchange));
    exchange->number = (unsigned)number;
    add(&inputs, (uintptr_t)argument, sizeof(exchange->call));
    if (in_len < sizeof(exchange->call)) {
        fuse_reply_ioctl_retry(req, inputs.iov, (size_t)inputs.num, NULL, 0);
        return;
    }
    memcpy(&exchange->call, in, sizeof(exchange->call));
    extra = in_len - sizeof(exchange->call);
    add(&inputs, exchange->call.req_data, request_len(exchange->number));
    if (extra < request_len(exchange->number)) {
        fuse_reply_ioctl_retry(req, inputs.iov, (size_t)inputs.num, NULL, 0);
        return;
    }
    memcpy(&exchange->request, (const uint8_t *)in + sizeof(exchange->call),
           request_len(exchange->number));
    if (out_len == 0) {
        outputs = inputs;
        add(&outputs, exchange->call.resp_data, sizeof(exchange->response));
        if (exchange->request.certs_len > 0 && exchange->request.certs_len <= SEV_GUEST_CERTS_MAX) {
            add(&outputs, exchange->request.certs_address, exchange->request.certs_len);
        }
        fuse_reply_ioctl_retry(req, inputs.iov, (size_t)inputs.num, outputs.iov,
                               (size_t)outputs.num);
        return;
    }
    reply(req, device, driver_double_answer(device->driver, exchange));
}

static void on_open(fuse_req_t req, struct fuse_file_info *file)
{
    fuse_reply_open(req, file);
}

static void on_ready(void *userdata)
{
    puts("ready");
}

static int serve(struct device *device, const char *name)
{
    static const struct cuse_lowlevel_ops ops = {
        .init_done = on_ready, .open = on_open, .ioctl = on_ioctl};
    char program[] = "guest_device";
    char foreground[] = "-f";
    char one_thread[] = "-s";
    char *argv[] = {program, foreground, one_thread, NULL};
    char node[64];
    const char *info[] = {node};
    const struct cuse_info cuse = {
        .dev_info_argc = 1, .dev_info_argv = info, .flags = CUSE_UNRESTRICTED_IOCTL};

    if (snprintf(node, sizeof(node), "DEVNAME=%s", name) >= (int)sizeof(node)) {
        return 2;
    }
    return cuse_lowlevel_main(3, argv, &cuse, &ops, device);
}

int main(int argc, char **argv)
{
    static struct device device;
    struct err err;
    int code = 2;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3) {
        fputs("usage: guest_device MDIR NAME [FAULT...]\n", stderr);
        return code;
    }
    device.driver = driver_double_new(argv[1], &err);
    if (device.driver == NULL) {
        goto out;
    }
    for (int i = 3; i < argc; i++) {
        if (driver_double_set(device.driver, argv[i], &err) != 0) {
            goto out;
        }
    }
    code = serve(&device, argv[2]);
out:
    if (code == 2) {
        fprintf(stderr, "guest_device: %s\n", err.msg);
    }
    driver_double_free(device.driver);
    return code;
}
