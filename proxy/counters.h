/*
 * Counters: what one worker counts.  Written by its thread alone, read by the control thread at any
 * time for /metrics; relaxed atomics, so that reading costs the data path nothing.
 *
 * Names and labels stand in one table; nothing a peer sends ever becomes a label.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/reason.h"

#define COUNTER_BUCKETS 8 /* of a histogram; cumulative; its count and its sum follow them */

enum counter {
    COUNTER_CONNECTIONS_OPEN_INGRESS,
    COUNTER_CONNECTIONS_OPEN_EGRESS,
    COUNTER_ACCEPTED_INGRESS,
    COUNTER_ACCEPTED_EGRESS,
    COUNTER_AUTHORIZED_INGRESS, /* handshakes that ended with a welcome peer */
    COUNTER_AUTHORIZED_EGRESS,
    COUNTER_HANDSHAKE_FAILED_ALERT_SENT,
    COUNTER_HANDSHAKE_FAILED_ALERT_RECEIVED,
    COUNTER_HANDSHAKE_FAILED_AUTHZ,
    COUNTER_HANDSHAKE_FAILED_TIMEOUT,
    COUNTER_HANDSHAKE_FAILED_CLOSED,
    COUNTER_HANDSHAKE_FAILED_IDENTITY, /* our own identity is not valid */
    COUNTER_HANDSHAKE_BUCKET,          /* first of COUNTER_BUCKETS */
    COUNTER_HANDSHAKE_COUNT = COUNTER_HANDSHAKE_BUCKET + COUNTER_BUCKETS,
    COUNTER_HANDSHAKE_SUM_MS,
    COUNTER_CONNECT_BUCKET, /* likewise */
    COUNTER_CONNECT_COUNT = COUNTER_CONNECT_BUCKET + COUNTER_BUCKETS,
    COUNTER_CONNECT_SUM_MS,
    COUNTER_DENIED_LIST, /* peers, by what denied them */
    COUNTER_DENIED_SPIFFE,
    COUNTER_DENIED_DNS,
    COUNTER_DENIED_CLAIMS,
    COUNTER_DENIED_STATUS,
    COUNTER_DENIED_TEE,
    COUNTER_DENIED_MEASUREMENT,
    COUNTER_DENIED_TCB,
    COUNTER_DENIED_EPOCH,
    COUNTER_DENIED_OTHER,
    COUNTER_PEERS_NONE, /* gauges: authorized peers, by what attested them */
    COUNTER_PEERS_SNP,
    COUNTER_PEERS_TDX,
    COUNTER_PEERS_SIM,
    COUNTER_PEERS_OTHER,
    COUNTER_PEER_CACHE_HIT,
    COUNTER_PEER_CACHE_MISS,
    COUNTER_BYTES_IN, /* application bytes from peers */
    COUNTER_BYTES_OUT,
    COUNTER_TRUNCATED,
    COUNTER_RESETS_PEER, /* RSTs that this side sent or passed on */
    COUNTER_RESETS_APP,
    COUNTER_PAUSES,       /* back-pressure */
    COUNTER_BUFFER_BYTES, /* gauge */
    COUNTER_ACCEPT_PAUSED,
    COUNTER_LISTENERS_FAILED, /* gauge */
    COUNTER_ACCEPT_ERRORS_DESCRIPTORS,
    COUNTER_ACCEPT_ERRORS_MEMORY,
    COUNTER_ACCEPT_ERRORS_OTHER,
    COUNTER_SHED_CONNECTIONS, /* times a cap stopped accepting */
    COUNTER_SHED_HANDSHAKES,
    COUNTER_SHED_BUFFERS,
    COUNTER_SHED_SOURCE,
    COUNTER_SHED_IDENTITIES, /* connections that began with one of too many of ours */
    COUNTER_LOOP_TURNS,
    COUNTER_KEY_UPDATES, /* of peers */
    COUNTER_TIME_JUMPS,  /* of the machine, seen by the first worker */
    COUNTER_CLOSED,      /* first of REASONS, by enum reason */
    COUNTERS = COUNTER_CLOSED + REASONS,
};

/* Zeroed storage is ready for use. */
struct counters {
    _Atomic uint64_t values[COUNTERS];
};

static inline void counter_add(struct counters *counters, enum counter counter, uint64_t num)
{
    /* One writer: a plain add of two relaxed halves, without a locked instruction. */
    uint64_t old = atomic_load_explicit(&counters->values[counter], memory_order_relaxed);

    atomic_store_explicit(&counters->values[counter], old + num, memory_order_relaxed);
}

static inline void counter_sub(struct counters *counters, enum counter counter, uint64_t num)
{
    counter_add(counters, counter, (uint64_t)0 - num);
}

static inline void counter_set(struct counters *counters, enum counter counter, uint64_t num)
{
    atomic_store_explicit(&counters->values[counter], num, memory_order_relaxed);
}

static inline uint64_t counter_get(const struct counters *counters, enum counter counter)
{
    return atomic_load_explicit(&counters->values[counter], memory_order_relaxed);
}

/* One finished handshake, or connection to an application or a peer, into its histogram. */
void counters_handshake(struct counters *counters, uint64_t duration_ms);
void counters_connect(struct counters *counters, uint64_t duration_ms);

/* What counts a denial by judge_denial(). */
enum counter counter_of_denial(const char *what);

/* The gauge of peers that `tee` has attested; "": none has. */
enum counter counter_of_tee(const char *tee);

/* Adds each value of `counters` to `sum`, which no other thread sees. */
void counters_sum(struct counters *sum, const struct counters *counters);

struct counter_info {
    const char *metric; /* full name; rows of one metric follow each other */
    const char *labels; /* e.g. `direction="in"`, "" for none */
    const char *type;   /* "counter", "gauge" or "histogram" */
    const char *help;
    bool milliseconds; /* the value is in ms, the metric in seconds */
};

/* The row of `counter`; text is static but for closed_total's labels, which lie in `labels`. */
struct counter_info counter_info(enum counter counter, char labels[static 64]);
