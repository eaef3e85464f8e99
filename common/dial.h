/*
 * Dial: a TCP connection by a deadline, and waiting on it.  Blocks; knows nothing of TLS.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

/* Until when, and who may end it earlier; one for a whole enrolment. */
struct deadline {
    uint64_t end_ms;               /* CLOCK_BOOTTIME */
    const _Atomic bool *cancelled; /* looked at every DEADLINE_SLICE_MS; may be NULL */
};

#define DEADLINE_SLICE_MS 250

struct deadline deadline_in(unsigned timeout_ms, const _Atomic bool *cancelled);

/* Waits until `fd` is ready for `events` (POLLIN, POLLOUT) or has failed.  ERR_TIMEOUT if the
   deadline passes or somebody cancels. */
MUST_CHECK int deadline_wait(const struct deadline *deadline, int fd, short events,
                             struct err *err);

/* Looks `host` (a name, or a numeric address without brackets) up and connects to the first address
   that answers; each gets its share of the time.  The system's resolver has time limits of its own,
   which the deadline cannot cut.  The descriptor, non-blocking, or -1. */
MUST_CHECK int dial(const char *host, uint16_t port, const struct deadline *deadline,
                    struct err *err);
