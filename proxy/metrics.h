/*
 * Metrics: the text of /metrics (Prometheus exposition format 0.0.4).  Facts in, text out; nothing
 * a peer sends ever becomes a label.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "proxy/counters.h"
#include "proxy/deny_file.h"
#include "proxy/enrolment.h"
#include "proxy/sandbox.h"

/* What the operating system says of this process. */
struct metrics_process {
    uint64_t fd_open;
    uint64_t fd_max;
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    double cpu_seconds; /* user and system */
    double start_time;  /* seconds since 1970 */
    uint64_t key_bytes; /* of the memory set aside for keys */
};

/* What is told of each worker and not of their sum. */
struct metrics_worker {
    uint64_t heartbeat_age_ms;
    uint64_t lag_ms;
    uint64_t idle_permille;
};

struct metrics_facts {
    const struct counters *counters;
    const struct metrics_worker *workers;
    size_t num_workers;
    const struct enrolment_status *enrolment;
    struct metrics_process process;
    int64_t identity_not_after; /* seconds since 1970; 0: there is no identity */
    bool ready;
    uint64_t generation;
    uint64_t generations_live;
    uint64_t identities_live;
    bool reload_ok;      /* the last reload, or the start */
    int64_t reload_time; /* seconds since 1970 */
    uint64_t log_lost;   /* lines */
    unsigned insecure_settings;
    unsigned unrestricted_egresses;
    const struct deny_file_status *deny;
    struct sandbox_state sandbox;
};

/* Appends the text.  False if it does not fit. */
MUST_CHECK bool metrics_render(const struct metrics_facts *facts, struct buf *out);

/* Asks the system.  What cannot be learnt stays 0. */
void metrics_read_process(struct metrics_process *out);
