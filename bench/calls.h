/*
 * Calls: how many system calls processes make, as the kernel's tracepoint counts them.
 *
 * Counting makes every system call of the machine dearer, so nothing else should be measured
 * meanwhile.  Needs tracefs at its usual place, and the right to count for others
 * (perf_event_paranoid or CAP_PERFMON).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/usage.h"
#include "common/compiler.h"

struct calls;
struct err;

/* Whether this kernel lets us count at all. */
bool calls_known(void);

/* Begins to count those of the family's threads of now, and of what they start from now on.  The
   caller's.  NULL: ERR_IO. */
struct calls *calls_start(const struct usage_family *family, struct err *err);

/* How many there have been. */
MUST_CHECK int calls_read(const struct calls *calls, uint64_t *out, struct err *err);

void calls_stop(struct calls *calls); /* accepts NULL */
