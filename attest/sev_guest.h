/*
 * Sev guest: what the kernel's driver of that name understands at /dev/sev-guest, as Linux has it
 * in include/uapi/linux/sev-guest.h and Documentation/virt/coco/sev-guest.rst.
 *
 * Defined here once more because the kernel's header is younger than some systems that build this,
 * and has renamed its fields.  All numbers are little-endian, as the machine is.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "attest/report.h"

#define SEV_GUEST_PATH "/dev/sev-guest"
#define SEV_GUEST_PAGE 4096       /* bytes; a length of certificates is a multiple of it */
#define SEV_GUEST_CERTS_MAX 16384 /* bytes of certificates that the driver passes on */
#define SEV_GUEST_RESPONSE_LEN 4000

/* What a report shall say: MSG_REPORT_REQ (AMD 56860). */
struct sev_guest_request {
    uint8_t user_data[64];
    uint32_t vmpl;
    uint8_t reserved[28]; /* zero */
};

/* The same, and room for what the host has in certificates. */
struct sev_guest_ext_request {
    struct sev_guest_request report;
    uint64_t certs_address;
    uint32_t certs_len; /* in: the room; out: what it would have taken, where it was too small */
    uint32_t padding;   /* zero */
};

/* MSG_REPORT_RSP. */
struct sev_guest_response {
    uint32_t status; /* SEV_GUEST_STATUS_ */
    uint32_t report_size;
    uint8_t reserved[24];
    uint8_t report[REPORT_LEN];
    uint8_t rest[SEV_GUEST_RESPONSE_LEN - 32 - REPORT_LEN];
};

#define SEV_GUEST_STATUS_GOOD 0x00
#define SEV_GUEST_STATUS_PARAMETER 0x16
#define SEV_GUEST_STATUS_NO_KEY 0x27

/* The argument of the ioctl. */
struct sev_guest_call {
    uint8_t msg_version; /* 1 */
    uint8_t padding[7];
    uint64_t req_data;  /* address of a request */
    uint64_t resp_data; /* address of a struct sev_guest_response */
    uint64_t exitinfo2; /* out, with EIO: bits 63:32 the host's error, 31:0 the firmware's */
};

/* The host's error 1: too little room for the certificates.  Nothing is lost. */
#define SEV_GUEST_TOO_SMALL (UINT64_C(1) << 32)

#define SEV_GUEST_GET_REPORT _IOWR('S', 0, struct sev_guest_call)
#define SEV_GUEST_GET_EXT_REPORT _IOWR('S', 2, struct sev_guest_call)

static_assert(sizeof(struct sev_guest_request) == 96, "as in the kernel");
static_assert(sizeof(struct sev_guest_ext_request) == 112, "as in the kernel");
static_assert(offsetof(struct sev_guest_ext_request, certs_address) == 96, "as in the kernel");
static_assert(offsetof(struct sev_guest_ext_request, certs_len) == 104, "as in the kernel");
static_assert(sizeof(struct sev_guest_response) == SEV_GUEST_RESPONSE_LEN, "as in the kernel");
static_assert(offsetof(struct sev_guest_response, report) == 32, "as in AMD 56860");
static_assert(sizeof(struct sev_guest_call) == 32, "as in the kernel");
static_assert(offsetof(struct sev_guest_call, exitinfo2) == 24, "as in the kernel");
static_assert(SEV_GUEST_GET_REPORT == 0xC0205300, "as in the kernel");
static_assert(SEV_GUEST_GET_EXT_REPORT == 0xC0205302, "as in the kernel");
