/*
 * Simstate: machine.ini, what a simulated machine knows besides its keys and certificates.
 *
 * Internal to the simulator.
 */
#pragma once

#include <stdint.h>

#include "attest/product.h"
#include "common/compiler.h"

struct err;

struct simstate {
    enum product product;
    unsigned layout;
    unsigned report_version;
    uint64_t guest_policy;
    uint64_t platform_info;
    uint32_t guest_svn;
    uint8_t tcb[TCB_LEN];
    uint8_t chip_id[64];
    uint8_t report_id[32];
    uint8_t measurement[48];
    uint8_t host_data[32];
    uint8_t family_id[16]; /* of the ID block, with guest_svn */
    uint8_t image_id[16];
    uint8_t id_key_digest[48];
    unsigned has_author_key; /* 0 or 1 */
    uint8_t author_key_digest[48];
};

/* Writes a new file. */
MUST_CHECK int simstate_write(const char *path, const struct simstate *state, struct err *err);

/* Reads one; every key exactly once. */
MUST_CHECK int simstate_read(const char *path, struct simstate *out_state, struct err *err);
