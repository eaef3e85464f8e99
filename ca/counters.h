/*
 * Counters: what the authority has done, for /metrics.  One thread, the event loop's, writes and
 * reads them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ca/limits.h"
#include "common/buf.h"
#include "common/ini.h"
#include "common/verdict.h"

#define COUNTERS_WORKLOADS_MAX 64 /* over it certificates are counted under "other" */

struct counters {
    uint64_t nonces_issued;
    uint64_t nonces_refused;
    uint64_t repeated; /* stored certificates given out again */
    uint64_t simulated;
    uint64_t refused[VERDICT_CODES];
    uint64_t limited[LIMIT_KINDS]; /* requests that came too often */
    struct {
        char workload[INI_NAME_MAX + 1];
        uint64_t issued;
    } workloads[COUNTERS_WORKLOADS_MAX + 1]; /* the last one is "other" */
    size_t num_workloads;
};

void counters_add_issued(struct counters *counters, const char *workload);

/* Appends the lines of the text exposition format.  False if they do not fit. */
MUST_CHECK bool counters_render(const struct counters *counters, struct buf *out);
