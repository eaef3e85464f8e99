/*
 * Status: the JSON of /identity: who we are, until when, and where we listen.  Public facts only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/sockets.h"

struct err;
struct identity;

struct status_listener {
    const char *name;
    bool egress;
    struct sockets_address address; /* with the real port */
};

struct status_facts {
    const struct identity *identity; /* NULL: none yet */
    bool ready;
    bool draining;
    bool reboot_needed; /* for evidence of this machine */
    uint64_t generation;
    const struct status_listener *listeners;
    size_t num_listeners;
};

/* Appends the JSON object and a LF.  ERR_LIMIT if it does not fit or memory is short. */
MUST_CHECK int status_render(const struct status_facts *facts, struct buf *out, struct err *err);
