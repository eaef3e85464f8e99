/*
 * Driver double: behaves as the kernel's driver sev-guest, the host and the secure processor behind
 * it do, with a simulated machine that signs.  What it shall do wrong is set by name.
 *
 * It knows copies of what a caller passes, as a kernel does, and no device: a test calls it, or a
 * device in user space (tests/emulation/guest_device.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attest/guest_device.h"
#include "common/compiler.h"

struct err;
struct driver_double; /* opaque */

/* One ioctl. */
struct driver_exchange {
    unsigned long number;
    struct sev_guest_call call;           /* in and out */
    struct sev_guest_ext_request request; /* in and out; for a bare report its first part */
    struct sev_guest_response response;   /* out, if it succeeds */
    uint8_t certs[SEV_GUEST_CERTS_MAX];   /* out, if it succeeds */
    size_t certs_len;                     /* out: how much of `certs` */
};

/* A machine in `mdir` and a driver with its key. */
struct driver_double *driver_double_new(const char *mdir, struct err *err);
void driver_double_free(struct driver_double *driver); /* accepts NULL */

/* Sets what is wrong, "NAME" or "NAME=NUMBER" (as C writes numbers); the names are in the .c file.
   ERR_INVALID for any other. */
MUST_CHECK int driver_double_set(struct driver_double *driver, const char *text, struct err *err);

/* Answers; the errno that the caller gets, 0: none. */
int driver_double_answer(struct driver_double *driver, struct driver_exchange *exchange);

/* The same for a caller in this process, who passes addresses; as guest_device wants it. */
int driver_double_ioctl(void *driver, unsigned long number, struct sev_guest_call *call);

/* How often it was asked, and how often the secure processor had to work. */
unsigned driver_double_calls(const struct driver_double *driver);
unsigned driver_double_requests(const struct driver_double *driver);
